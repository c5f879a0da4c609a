"""The name server of tasks, as the supervisor keeps it: open sockets from the start, a process from the first question.

So it costs nothing until a task asks for a name, lives through the daemon's end, and ends with the supervisor. What it
answers is the business of `moorage.runtime.resolver`, which runs without any capability.
"""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from moorage.runtime import syscalls
from moorage.runtime.supervisor.children import Children, fork
from moorage.runtime.supervisor.environment import child_environment
from moorage.runtime.supervisor.resolver import RESOLVER

PORT: Final = 53
AGAIN: Final = 1.0
"""Seconds until a process that ended is started again, if there are questions."""


class NameServer:
    """One for all tasks. Made in the namespace that all tasks reach."""

    def __init__(self, children: Children, zones: Path) -> None:
        self._children = children
        self._zones = zones
        self._loop = asyncio.get_running_loop()
        self._udp = _bound(socket.SOCK_DGRAM)
        self._tcp = _bound(socket.SOCK_STREAM)
        self._tcp.listen(64)
        self._pid = 0
        self._ended: asyncio.Future[int] | None = None
        self._open = True
        self._watch()

    async def close(self) -> None:
        """End the process and wait until it is gone; harmless the second time."""
        if not self._open:
            return
        self._open = False
        self._unwatch()
        if self._ended is not None and not self._ended.done():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            await self._ended
        self._udp.close()
        self._tcp.close()

    def _watch(self) -> None:
        if self._open:
            for each in (self._udp, self._tcp):
                self._loop.add_reader(each, self._asked)

    def _unwatch(self) -> None:
        for each in (self._udp, self._tcp):
            self._loop.remove_reader(each)

    def _asked(self) -> None:
        """Somebody has a question: the process takes it from the socket."""
        self._unwatch()
        self._pid = fork(self._become)
        self._ended = self._children.adopt(self._pid)
        self._ended.add_done_callback(lambda _: self._loop.call_later(AGAIN, self._watch))

    def _become(self) -> None:
        syscalls.die_with_parent(signal.SIGKILL)
        syscalls.bound_capabilities()
        syscalls.forgo_privileges()
        sockets = [each.fileno() for each in (self._udp, self._tcp)]
        for each in sockets:
            os.set_inheritable(each, True)
        module = "moorage.runtime.resolver"
        command = [sys.executable, "-P", "-m", module, *map(str, sockets), str(self._zones)]
        os.execve(sys.executable, command, child_environment())


def _bound(kind: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((RESOLVER, PORT))
    return made
