"""Closed-loop HTTP/1.1 load: `clients` connections, each asking again as soon as it was answered.

The answer is JSON: how many answers by status and by server, and every failure in words.
"""

import asyncio
import json
from collections import Counter
from urllib.parse import urlsplit


async def run(query: dict[str, str]) -> str:
    """`url`, `clients`, `seconds`."""
    parts = urlsplit(query["url"])
    tally: dict[str, Counter[str]] = {"status": Counter(), "server": Counter(), "failure": Counter()}
    loop = asyncio.get_running_loop()
    end = loop.time() + float(query["seconds"])
    target = parts.path + (f"?{parts.query}" if parts.query else "") or "/"
    places = (parts.hostname, parts.port or 80, target)
    await asyncio.gather(*(_client(places, end, tally) for _ in range(int(query["clients"]))))
    return json.dumps(tally)


async def _client(places: tuple[str, int, str], end: float, tally: dict[str, Counter[str]]) -> None:
    loop = asyncio.get_running_loop()
    connection = None
    while loop.time() < end:
        try:
            if connection is None:
                connection = await asyncio.open_connection(places[0], places[1])
            closing = await _ask(connection, places, tally)
        except (OSError, asyncio.IncompleteReadError) as error:
            tally["failure"][f"{type(error).__name__}: {error}"] += 1
            closing = True
            await asyncio.sleep(0.01)
        if closing and connection is not None:
            connection[1].close()
            connection = None


async def _ask(connection, places: tuple[str, int, str], tally: dict[str, Counter[str]]) -> bool:
    """One request; True when the connection must not be used again."""
    reader, writer = connection
    writer.write(f"GET {places[2]} HTTP/1.1\r\nhost: {places[0]}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    status = lines[0].split(" ")[1]
    tally["status"][status] += 1
    if status == "200":
        tally["server"][body.decode()] += 1
    else:
        tally["failure"][f"{status}: {body.decode()[:200]}"] += 1
    return headers.get("connection", "") == "close"


async def echo(query: dict[str, str]) -> str:
    """Ask a TCP echo server (`host`, `port`) who it is and for `text` back."""
    try:
        reader, writer = await asyncio.open_connection(query["host"], int(query["port"]))
        name = (await reader.readline()).decode().strip()
        writer.write(query["text"].encode())
        text = (await reader.readexactly(len(query["text"]))).decode()
        writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})
    return json.dumps({"server": name, "text": text})
