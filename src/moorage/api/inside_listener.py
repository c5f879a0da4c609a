"""Serves the tasks' own address as long as the daemon runs: opens it where the tasks are, again after every loss.

The runtime makes the sockets, in the network that its tasks share; it loses them when its supervisor ends.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol

import uvicorn

from moorage.api.app import ASGIApp
from moorage.engine.ports import RuntimeFailed
from moorage.planning import inside

log = logging.getLogger(__name__)

AGAIN: Final = 2.0
"""Seconds until the runtime is asked again that could not open the address."""


class Network(Protocol):
    """What is asked of a runtime."""

    async def listen(self, address: str, port: int) -> socket.socket:
        """A socket that listens where tasks reach it. RuntimeFailed."""

    async def lost(self) -> None:
        """Return when what was opened is of no use any more."""


class InsideListener:
    """One server on both ports."""

    def __init__(
        self, network: Network, app: ASGIApp, configuration: Callable[[Callable[..., Awaitable[None]]], uvicorn.Config]
    ) -> None:
        self._network = network
        self._app = app
        self._configuration = configuration

    async def keep(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                sockets = await self._open()
            except RuntimeFailed as error:
                log.warning("tasks cannot reach %s yet: %s", inside.ADDRESS, error.reason)
                await asyncio.sleep(AGAIN)
                continue
            await self._serve(sockets)

    async def _open(self) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        try:
            for port in (inside.AGENT_PORT, inside.ENDPOINT_PORT):
                sockets.append(await self._network.listen(inside.ADDRESS, port))
        except RuntimeFailed:
            _close(sockets)
            raise
        return sockets

    async def _serve(self, sockets: list[socket.socket]) -> None:
        server = _Server(self._configuration(self._app))
        serving = asyncio.create_task(server.serve(sockets=sockets))
        lost = asyncio.create_task(self._network.lost())
        try:
            await asyncio.wait({serving, lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            server.should_exit = True
            server.force_exit = True
            await serving
            _close(sockets)


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()
