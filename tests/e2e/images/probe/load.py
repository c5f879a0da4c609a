"""Closed-loop HTTP/1.1 load: `clients` connections, each asking again soon after it was answered.

It runs until it is stopped, whoever asked for it may be gone meanwhile. The tally: how many answers by status and by
server, every failure in words, and the longest time without any answer.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

THINKING = 0.01
"""Between an answer and the next request: what is tested shares its processors with this."""


@dataclass
class Tally:
    status: Counter[str] = field(default_factory=Counter)
    server: Counter[str] = field(default_factory=Counter)
    failure: Counter[str] = field(default_factory=Counter)
    longest_silence: float = 0.0
    last: float = 0.0

    def heard(self, now: float) -> None:
        self.longest_silence = max(self.longest_silence, now - self.last)
        self.last = now


@dataclass
class Load:
    tally: Tally
    ending: asyncio.Event
    clients: list[asyncio.Task[None]]


running: list[Load] = []


async def start(query: dict[str, str]) -> str:
    """`url`, `clients`."""
    parts = urlsplit(query["url"])
    target = (parts.hostname, parts.port or 80, parts.path or "/")
    tally, ending = Tally(last=asyncio.get_running_loop().time()), asyncio.Event()
    clients = [asyncio.create_task(client(target, tally, ending)) for _ in range(int(query["clients"]))]
    running.append(Load(tally, ending, clients))
    return "true"


async def count(query: dict[str, str]) -> str:
    return json.dumps(sum(running[-1].tally.status.values()))


async def stop(query: dict[str, str]) -> str:
    load = running.pop()
    load.ending.set()
    await asyncio.gather(*load.clients)
    tally = load.tally
    return json.dumps(
        {
            "status": tally.status,
            "server": tally.server,
            "failure": tally.failure,
            "longest_silence": tally.longest_silence,
        }
    )


async def client(target: tuple[str, int, str], tally: Tally, ending: asyncio.Event, thinking: float = THINKING) -> None:
    """One client: host, port and path that it asks for, again and again over one connection while it may."""
    connection = None
    while not ending.is_set():
        try:
            if connection is None:
                connection = await asyncio.open_connection(target[0], target[1])
            closing = await _ask(connection, target, tally)
        except (OSError, asyncio.IncompleteReadError) as error:
            tally.failure[f"{type(error).__name__}: {error}"] += 1
            closing = True
        if closing and connection is not None:
            connection[1].close()
            connection = None
        await asyncio.sleep(thinking)
    if connection is not None:
        connection[1].close()


async def _ask(connection, target: tuple[str, int, str], tally: Tally) -> bool:
    """One request; True when the connection must not be used again."""
    reader, writer = connection
    writer.write(f"GET {target[2]} HTTP/1.1\r\nhost: {target[0]}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    status = lines[0].split(" ")[1]
    tally.status[status] += 1
    tally.heard(asyncio.get_running_loop().time())
    if status == "200":
        tally.server[body.decode()] += 1
    else:
        tally.failure[f"{status}: {body.decode()[:200]}"] += 1
    return headers.get("connection", "") == "close"
