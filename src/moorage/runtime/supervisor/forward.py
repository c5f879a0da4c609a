"""The log driver of FireLens: sends what a container writes to its task's log router, by Fluentd's Forward protocol.

One record per line, in message mode with EventTime (Forward Protocol Specification v1), over the router's socket. What
the router has not read stays here, up to a bound, and is sent again after it came back; what is beyond is counted.
"""

import asyncio
import fcntl
import os
import socket
import stat
import struct
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec import msgpack

from moorage.runtime import syscalls

SOCKET = "fluent.sock"
MAX_BYTES = 16 << 20
"""What is kept for a router at most, beside the number of records that the options allow."""

_WINDOW = 256 << 10
"""What may be on its way unread: more is sent when the router has read all of it."""
_AGAIN = 0.25
"""Seconds until a router that is not there is tried again."""
_LOOK = 0.05
"""Seconds until it is looked again whether the router has read everything."""
_EVENT_TIME = 0
_MICRO = 1_000_000


@dataclass(frozen=True)
class Route:
    """Whose records these are, and how many may wait."""

    tag: str
    limit: int
    container_id: str
    container_name: str


@dataclass(frozen=True)
class Way:
    """A route, and the directory in which the router has its socket."""

    route: Route
    directory: Path


class Forwarder:
    """Sends the records of one container. `connect` raises OSError while there is no router; `say` tells people."""

    def __init__(self, route: Route, connect: Callable[[], socket.socket], say: Callable[[str], None]) -> None:
        self._route = route
        self._connect = connect
        self._say = say
        self._waiting: deque[bytes] = deque()
        self._unread: deque[bytes] = deque()
        self._bytes = 0
        self._on_way = 0
        self._lost = 0
        self._news = asyncio.Event()
        self._nothing_left = asyncio.Event()
        self._nothing_left.set()
        self._work = asyncio.create_task(self._run())

    def offer(self, at: float, source: str, text: bytes) -> None:
        """Take one line, unless too much waits already."""
        record = message(self._route, at, source, text)
        full = len(self._waiting) + len(self._unread) >= self._route.limit
        if full or self._bytes + len(record) > MAX_BYTES:
            if not self._lost:
                self._say("the log router does not keep up: lines are lost from here on")
            self._lost += 1
            return
        self._waiting.append(record)
        self._bytes += len(record)
        self._nothing_left.clear()
        self._news.set()

    async def finish(self, within: float) -> None:
        """Wait until the router has read everything, but not for long, and let go of it."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nothing_left.wait(), within)
        self._work.cancel()
        with suppress(asyncio.CancelledError):
            await self._work
        self._lost += len(self._waiting) + len(self._unread)
        self._tell_lost()

    async def _run(self) -> None:
        while True:
            await self._nonempty()
            try:
                reached = self._connect()
            except OSError:
                await asyncio.sleep(_AGAIN)
                continue
            with reached:
                await self._serve(_Connection(reached))
            self._waiting.extendleft(reversed(self._unread))
            self._unread.clear()
            self._on_way = 0

    async def _nonempty(self) -> None:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()

    async def _serve(self, router: "_Connection") -> None:
        """Send until the router is gone."""
        while router.alive():
            self._settle(router)
            while self._waiting and self._on_way < _WINDOW:
                record = self._waiting.popleft()
                self._unread.append(record)
                self._on_way += len(record)
                if not await router.send(record):
                    return
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(router.change(self._news), _LOOK if self._unread else None)

    def _settle(self, router: "_Connection") -> None:
        """Forget what the router has read: all of it, or nothing is known."""
        if not self._unread or not router.has_read_all():
            return
        self._bytes -= self._on_way
        self._on_way = 0
        self._unread.clear()
        if not self._waiting:
            self._nothing_left.set()
            self._tell_lost()

    def _tell_lost(self) -> None:
        if self._lost:
            self._say(f"{self._lost} lines did not reach the log router")
            self._lost = 0


class _Connection:
    """A connected socket, of which the other end only reads."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()

    def alive(self) -> bool:
        """Whether the other end is open. What it says is of no interest."""
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def has_read_all(self) -> bool:
        """Whether nothing is left of what was sent, and not because the other end is gone."""
        left = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0" * 4))[0]
        return left == 0 and self.alive()

    async def send(self, data: bytes) -> bool:
        """Whether all of it could be sent."""
        try:
            await self._loop.sock_sendall(self._socket, data)
        except OSError:
            return False
        return True

    async def change(self, news: asyncio.Event) -> None:
        """Return when there is something to send, or the other end did something."""
        self._loop.add_reader(self._socket, news.set)
        try:
            await news.wait()
        finally:
            self._loop.remove_reader(self._socket)


def message(route: Route, at: float, source: str, text: bytes) -> bytes:
    """One event: [tag, time, record]. The time is an extension of type 0: seconds and nanoseconds."""
    seconds, micros = divmod(round(at * _MICRO), _MICRO)
    record = {
        "container_id": route.container_id,
        "container_name": route.container_name,
        "source": source,
        "log": text.decode(errors="replace"),
    }
    time = msgpack.Ext(_EVENT_TIME, struct.pack(">II", seconds, micros * 1000))
    return msgpack.encode([route.tag, time, record])


def connect(directory: Path) -> socket.socket:
    """A connection to the router's socket in the directory. OSError while there is none.

    The router can write there: a link that it makes is not followed, for it might lead to a socket of the host's.
    """
    root = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = syscalls.open_within(root, SOCKET, os.O_PATH)
    finally:
        os.close(root)
    try:
        if not stat.S_ISSOCK(os.fstat(found).st_mode):
            raise ConnectionRefusedError(f"{SOCKET} is no socket")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            made.connect(f"/proc/self/fd/{found}")
        except BaseException:
            made.close()
            raise
        return made
    finally:
        os.close(found)
