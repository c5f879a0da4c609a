"""A server and a client in one, for end-to-end tests: answers who it is, and sends load when it is asked to.

PORT is where it answers: `/` with its host name, `/slow?seconds=N` after N seconds, `/status/N` with that status,
`/resolve?name=X`, `/exit?code=N`, `/load?...` (see load.py), which only a test asks for. TCP_PORT, when set, echoes.
"""

import asyncio
import json
import os
import signal
import socket
from urllib.parse import parse_qs, urlsplit

import load

NAME = socket.gethostname()


async def answer(method: str, target: str) -> tuple[int, str]:
    parts = urlsplit(target)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.path.startswith("/status/"):
        return int(parts.path.rsplit("/", 1)[1]), NAME
    if parts.path == "/exit":
        os._exit(int(query["code"]))
    special = {"/slow": slow, "/resolve": resolve, "/load": load.run, "/tcp": load.echo}
    if parts.path in special:
        return 200, await special[parts.path](query)
    return 200, NAME


async def slow(query: dict[str, str]) -> str:
    await asyncio.sleep(float(query["seconds"]))
    return NAME


async def resolve(query: dict[str, str]) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(query["name"], None, type=socket.SOCK_STREAM)
    except OSError as error:
        return json.dumps({"error": str(error)})
    return json.dumps({"addresses": sorted({entry[4][0] for entry in found})})


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1.1 with keep-alive; no bodies are read."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            status, text = await answer(method, target)
            body = text.encode()
            writer.write(
                f"HTTP/1.1 {status} X\r\nserver: {NAME}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(NAME.encode() + b"\n")
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main() -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [await asyncio.start_server(serve, "0.0.0.0", int(os.environ.get("PORT", "5000")))]
    if "TCP_PORT" in os.environ:
        servers.append(await asyncio.start_server(echo, "0.0.0.0", int(os.environ["TCP_PORT"])))
    print(f"{NAME} answers", flush=True)
    await ended.wait()
    print(f"{NAME} ends", flush=True)


asyncio.run(main())
