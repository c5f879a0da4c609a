"""Closed-loop HTTP/1.1 load from this process: so many connections, each asking again as soon as it was answered.

Raw sockets under uvloop and nothing parsed but status and length: it must cost less than what it measures.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import cast

import uvloop

PATIENCE = 20
"""Seconds after which a server that does not answer has failed."""


@dataclass
class Tally:
    """What the clients saw. `seconds` is how long each answer took, `took` how long all of it did."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    took: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took


def run(port: int, requests: list[bytes], connections: int, seconds: float) -> Tally:
    """Send `requests`, complete with headers, in turn; the first tenth of the time is warming up and not counted."""
    return uvloop.run(_run(port, requests, connections, seconds))


async def _run(port: int, requests: list[bytes], connections: int, seconds: float) -> Tally:
    await _all(port, requests, connections, seconds / 10)
    return await _all(port, requests, connections, seconds)


async def _all(port: int, requests: list[bytes], connections: int, seconds: float) -> Tally:
    tally = Tally()
    began = time.perf_counter()
    shares = [requests[number::connections] or requests for number in range(connections)]
    async with asyncio.timeout(seconds + PATIENCE), asyncio.TaskGroup() as group:
        for share in shares:
            group.create_task(_client(port, share, tally, began + seconds))
    tally.took = time.perf_counter() - began
    return tally


async def _client(port: int, requests: list[bytes], tally: Tally, end: float) -> None:
    """Ask until the end, over one connection for as long as the server keeps it."""
    while time.perf_counter() < end:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(requests, tally, end), "127.0.0.1", port
        )
        await connection.ended


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], tally: Tally, end: float) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._tally = tally
        self._end = end
        self._turn = 0
        self._got = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._ask()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._turn % len(self._requests)])
        self._turn += 1

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._got = b""
        self._tally.seconds.append(now - self._sent)
        self._tally.refused += not head.startswith(b"HTTP/1.1 200")
        if now < self._end and b"connection: close" not in head.lower():
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[start:].partition(b"\r\n")[0])


def aws_request(service: str, target: str, body: bytes, region: str = "us-east-1") -> bytes:
    """A request as an AWS client sends it, without a signature that holds."""
    credential = f"Credential=test/20261122/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    lines = (
        "POST / HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/x-amz-json-1.1",
        f"x-amz-target: {target}",
        f"authorization: AWS4-HMAC-SHA256 {credential}",
        f"content-length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
