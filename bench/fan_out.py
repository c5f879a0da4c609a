"""The least that a change can cost: the same bytes written to as many gRPC streams, and an answer read from each.

The servers are made as the daemon's are, and know nothing of what they send.
"""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from moorage.xds.server import METHOD, SERVICE


class FanOut:
    """Servers on Unix sockets; whoever connects is a listener."""

    def __init__(self) -> None:
        self._servers: list[Any] = []
        self._contexts: list[Any] = []
        self._left = 0
        self._answered = asyncio.Event()

    async def listen(self, path: Path) -> None:
        handler = grpc.stream_stream_rpc_method_handler(self._converse)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        self._servers.append(server)

    async def gathered(self, count: int) -> None:
        """Wait until so many listen."""
        async with asyncio.timeout(60):
            while len(self._contexts) < count:  # noqa: ASYNC110  (only asking tells)
                await asyncio.sleep(0.05)

    async def send(self, message: bytes) -> None:
        """Write to all; done when all have answered."""
        self._left = len(self._contexts)
        self._answered.clear()
        await asyncio.gather(*(context.write(message) for context in self._contexts))
        await self._answered.wait()

    async def close(self) -> None:
        await asyncio.gather(*(server.stop(None) for server in self._servers))

    async def _converse(self, requests: Any, context: Any) -> None:
        await anext(aiter(requests))
        self._contexts.append(context)
        async for _ in requests:
            self._left -= 1
            if not self._left:
                self._answered.set()
