"""The daemon's end of a program that was run inside a container: read what it writes, write what it reads, resize.

On a terminal both ways are one device; on pipes the program sees the end of its input. Which program, others decide.
"""

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Awaitable, Callable

CHUNK = 16384


class Guest:
    """One program. `wait` gives its exit code, `leave` ends it."""

    def __init__(
        self,
        reading: int,
        writing: int,
        terminal: bool,
        wait: Callable[[], Awaitable[int]],
        leave: Callable[[], Awaitable[None]],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._reading = reading
        self._writing: int | None = writing
        self._terminal = terminal
        self._leave = leave
        self.wait = wait
        for descriptor in (reading, writing):
            os.set_blocking(descriptor, False)

    async def read(self) -> bytes:
        """What the program wrote; nothing when it, and whatever it left behind, writes no more."""
        while True:
            try:
                return os.read(self._reading, CHUNK)
            except BlockingIOError:
                await self._ready(self._reading, self._loop.add_reader, self._loop.remove_reader)
            except OSError:  # a terminal that nobody has open any more
                return b""

    async def write(self, data: bytes) -> None:
        """What the program shall read. It is lost when the program reads no more."""
        while data and self._writing is not None:
            try:
                data = data[os.write(self._writing, data) :]
            except BlockingIOError:
                await self._ready(self._writing, self._loop.add_writer, self._loop.remove_writer)
            except OSError:
                return

    def end_input(self) -> None:
        """The program sees the end of its input; on a terminal it is the one who types who says so (Ctrl-D)."""
        if not self._terminal and self._writing is not None:
            os.close(self._writing)
            self._writing = None

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size; programs on it are told by the kernel."""
        if self._terminal:
            fcntl.ioctl(self._reading, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def close(self) -> None:
        """End the program, if it has not ended, and let go of it."""
        os.close(self._reading)
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
        await self._leave()

    async def _ready(self, descriptor: int, add: Callable[..., object], remove: Callable[[int], object]) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        add(descriptor, _settle, ready)
        try:
            await ready
        finally:
            remove(descriptor)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
