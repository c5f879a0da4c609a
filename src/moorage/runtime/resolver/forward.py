"""Passes questions on to the host's name servers, and their answers back as they are.

A server that does not answer in time, or cannot be reached from where tasks are, makes room for the next.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

TIMEOUT: Final = 2.0
"""Seconds for one server: two of them are less than what programs wait for an answer."""

MOST_SERVERS: Final = 2
PORT: Final = 53
_LARGEST: Final = 65535


class NoAnswer(Exception):
    """None of the host's name servers answers, or it names none that tasks could reach."""


class Forwarder:
    """`servers` says who is asked; it is called each time, for the host's list may change."""

    def __init__(self, servers: Callable[[], Sequence[str]], port: int = PORT, timeout: float = TIMEOUT) -> None:
        self._servers = servers
        self._port = port
        self._timeout = timeout

    async def ask(self, query: bytes, stream: bool) -> bytes:
        """The answer to a query, asked over TCP when `stream`. NoAnswer."""
        for server in self._servers()[:MOST_SERVERS]:
            try:
                async with asyncio.timeout(self._timeout):
                    return await (self._over_tcp if stream else self._over_udp)(query, server)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                continue
        raise NoAnswer

    async def _over_udp(self, query: bytes, server: str) -> bytes:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
            asking.connect((server, self._port))
            await loop.sock_sendall(asking, query)
            while True:
                answer = await loop.sock_recv(asking, _LARGEST)
                if answer[:2] == query[:2]:
                    return answer

    async def _over_tcp(self, query: bytes, server: str) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(struct.pack("!H", len(query)) + query)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()
