"""A server and a client in one, for end-to-end tests: answers who it is, and asks others when it is asked to.

On PORT (5000): `/` with its host name, `/slow?seconds=N` after N seconds, `/status/N` with that status, `/flaky` with
503 the first time, `/headers`, `/resolve?name=X`, `/healthy` to become so, `/exit?code=N`, and what load.py, fire.py
and talk.py do. TCP_PORT, when set, echoes TCP; H2_PORTS, with commas between them, HTTP/2 and gRPC.
"""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import fire
import load
import talk

NAME = socket.gethostname()
HEALTHY = Path("/tmp/healthy")
seen = {"flaky": 0}


async def answer(head: bytes) -> tuple[int, str]:
    lines = head.decode().split("\r\n")
    parts = urlsplit(lines[0].split(" ")[1])
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.path.startswith("/status/"):
        return int(parts.path.rsplit("/", 1)[1]), NAME
    if parts.path == "/headers":
        return 200, json.dumps(dict(line.lower().split(": ", 1) for line in lines[1:] if line))
    if parts.path == "/flaky":
        seen["flaky"] += 1
        return (503 if seen["flaky"] == 1 else 200), str(seen["flaky"])
    return 200, await PATHS.get(parts.path, name)(query)


async def name(query: dict[str, str]) -> str:
    return NAME


async def slow(query: dict[str, str]) -> str:
    await asyncio.sleep(float(query["seconds"]))
    return NAME


async def become_healthy(query: dict[str, str]) -> str:
    HEALTHY.touch()
    return "true"


async def leave(query: dict[str, str]) -> str:
    os._exit(int(query["code"]))


async def resolve(query: dict[str, str]) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(query["name"], None, type=socket.SOCK_STREAM)
    except OSError as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"addresses": sorted({entry[4][0] for entry in found})})


PATHS = {
    "/slow": slow,
    "/healthy": become_healthy,
    "/exit": leave,
    "/resolve": resolve,
    "/load/start": load.start,
    "/load/count": load.count,
    "/load/stop": load.stop,
    "/fire/start": fire.start,
    "/fire/count": fire.count,
    "/fire/stop": fire.stop,
    "/tcp": talk.tcp,
    "/http2": talk.http2,
    "/grpc": talk.grpc,
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1 with keep-alive; no bodies are read."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            status, text = await answer(head)
            body = text.encode()
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [await asyncio.start_server(serve, "0.0.0.0", int(os.environ.get("PORT", "5000")))]
    if "TCP_PORT" in os.environ:
        servers.append(await asyncio.start_server(talk.echo, "0.0.0.0", int(os.environ["TCP_PORT"])))
    for port in os.environ.get("H2_PORTS", "").split(","):
        if port:
            servers.append(await asyncio.start_server(talk.serve_http2, "0.0.0.0", int(port)))
    print(f"{NAME} answers", flush=True)
    await ended.wait()
    print(f"{NAME} ends", flush=True)


asyncio.run(main())
