"""Waits on the event loop until a descriptor can be read or written; whoever holds the descriptor does the rest."""

import asyncio
from typing import Protocol


class HasDescriptor(Protocol):
    """A socket, a file."""

    def fileno(self) -> int: ...


async def readable(source: int | HasDescriptor) -> None:
    """Return when reading would not block."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(source, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(source)


async def writable(sink: int | HasDescriptor) -> None:
    """Return when writing would not block."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sink, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_writer(sink)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
