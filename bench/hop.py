"""The two ends of a measured path, each a process: a server that costs little, and clients that ask at a steady rate.

`python -m bench.hop serve PORT` answers 1 KB to whatever is asked. `python -m bench.hop load HOST PORT RATE SECONDS
CONNECTIONS` asks so many times a second whether or not answers come (open loop: a late answer counts from the moment at
which its request was due), and prints the milliseconds that each took, and how many failed, as JSON.
"""

import asyncio
import json
import sys
import time
from collections import deque
from typing import cast

import uvloop

BODY = b"x" * 1024
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
ASK = b"GET /item HTTP/1.1\r\nhost: server\r\nuser-agent: bench\r\n\r\n"


class Server(asyncio.Protocol):
    """One request at a time, without a body, as an HTTP/1.1 proxy sends them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._got = b""

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            self._got = self._got[end + 4 :]
            self._transport.write(ANSWER)


class Client(asyncio.Protocol):
    """A connection that asks when told to, or as soon as its last question is answered."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.failed = 0
        self._due: deque[float] = deque()
        self._asked = 0.0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, due: float) -> None:
        self._due.append(due)
        if len(self._due) == 1:
            self._transport.write(ASK)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < len(BODY):
            return
        self._got = b""
        self.took.append((time.monotonic() - self._due.popleft()) * 1000)
        self.failed += not head.startswith(b"HTTP/1.1 200")
        if self._due:
            self._transport.write(ASK)

    def connection_lost(self, error: Exception | None) -> None:
        self.failed += len(self._due)
        self._due.clear()


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Server, "0.0.0.0", port, backlog=512)
    await server.serve_forever()


async def load(host: str, port: int, rate: float, seconds: float, connections: int) -> dict[str, object]:
    """The first second is for warming up and not counted."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Client, host, port))[1] for _ in range(connections)]
    await _ask(clients, rate, 1)
    for client in clients:
        client.took.clear()
    await _ask(clients, rate, seconds)
    return {"took": [each for client in clients for each in client.took], "failed": sum(c.failed for c in clients)}


async def _ask(clients: list[Client], rate: float, seconds: float) -> None:
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        clients[number % len(clients)].ask(due)
    await asyncio.sleep(0.2)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        uvloop.run(serve(int(sys.argv[2])))
    else:
        host, port, rate, seconds, connections = sys.argv[2:]
        print(json.dumps(uvloop.run(load(host, int(port), float(rate), float(seconds), int(connections)))), flush=True)
