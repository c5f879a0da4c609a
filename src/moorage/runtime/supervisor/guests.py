"""Programs that run beside a container's own with their streams in the daemon's hands, on a terminal or on pipes.

They end with their terminal, when the daemon lets go of them, and with the container at the latest.
"""

import fcntl
import os
import signal
import struct
from contextlib import suppress
from itertools import count

from moorage.runtime.supervisor import containers, process, spawn
from moorage.runtime.supervisor.children import Children
from moorage.runtime.supervisor.protocol import Message, Refused

_UNLOCK, _PEER = 0x40045431, 0x5441
"""ioctl_tty(2): TIOCSPTLCK and TIOCGPTPEER (Linux 4.13), which Python has no names for."""


class Guests:
    """The guests that run, by names that no other supervisor has given out."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._names = (f"{os.getpid()}-{containers.birth(os.getpid())}-{number}" for number in count(1))
        self._running: dict[str, spawn.Launched] = {}

    async def attach(
        self, pid: int, program: process.Program, cgroups: list[str], terminal: bool
    ) -> tuple[Message, int, int]:
        """Start the program; its name, a descriptor to read what it writes, one to write what it reads."""
        pid = containers.witness(pid)
        theirs, ours = _terminal(pid) if terminal else _pipes()
        userns = containers.is_nested(pid)
        try:
            guest = await spawn.launch(
                self._children,
                lambda status, go: process.enter(
                    pid,
                    program,
                    cgroups,
                    process.Pipes(theirs[1], theirs[1], status, go, stdin=theirs[0], terminal=terminal),
                    userns=userns,
                ),
            )
        except BaseException:
            _close(ours)
            raise
        finally:
            _close(theirs)
        name = next(self._names)
        self._running[name] = guest
        return {"guest": name}, ours[0], ours[1]

    async def wait(self, request: Message) -> Message:
        """The exit code, once the program has ended; it is told once."""
        guest = self._find(request)
        code = await guest.ended
        self._running.pop(request["guest"], None)
        return {"exit_code": code}

    async def leave(self, request: Message) -> Message:
        """Nobody listens any more: the program ends."""
        guest = self._running.pop(request["guest"], None)
        if guest is not None and not guest.ended.done():
            with suppress(ProcessLookupError):
                os.kill(guest.pid, signal.SIGKILL)
        return {}

    def _find(self, request: Message) -> spawn.Launched:
        guest = self._running.get(request["guest"])
        if guest is None:
            raise Refused("NotRunning", f"there is no guest {request['guest']}")
        return guest


Pair = tuple[int, int]


def _terminal(pid: int) -> tuple[Pair, Pair]:
    """Theirs and ours, each to read and to write: both ends of a terminal, twice, so that each can be closed.

    It is one of the container's own, so that its programs can name it.
    """
    master = os.open(f"/proc/{pid}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(master, _UNLOCK, struct.pack("i", 0))
        slave = fcntl.ioctl(master, _PEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        os.close(master)
        raise
    return (slave, os.dup(slave)), (master, os.dup(master))


def _pipes() -> tuple[Pair, Pair]:
    (in_r, in_w), (out_r, out_w) = os.pipe(), os.pipe()
    return (in_r, out_w), (out_r, in_w)


def _close(pair: Pair) -> None:
    for descriptor in pair:
        os.close(descriptor)
