"""The init of a container that asks for one: process 1, which starts the program, passes signals on and reaps orphans.

Ends with the program, and as it ended (128 + n after signal n). It is a fork that executes nothing: no image needs to
bring it, and no process of the container can look into it.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from moorage.runtime import syscalls

NAME = b"/sbin/docker-init\0"
"""What is shown as its command line, which would otherwise be the supervisor's."""

_ARGUMENTS = 48
"""Where `arg_start` is among the fields of /proc/PID/stat, and behind it `arg_end` (proc(5)), counted from 1."""
_BEFORE_STATE = 3


def rename(name: bytes = NAME) -> None:
    """Overwrite the command line; while the process is still root, for it cannot open its own memory later."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(fields[at - _BEFORE_STATE]) for at in (_ARGUMENTS, _ARGUMENTS + 1))
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(name.ljust(end - start, b"\0")[: end - start])
    Path("/proc/self/comm").write_text(Path(os.fsdecode(name.rstrip(b"\0"))).name)


def run(program: Callable[[], None]) -> None:
    """Do `program`, which executes something, in a child, and be its init until it ended."""
    everything = signal.valid_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        program()
        return
    syscalls.hide_from_peers()
    os.closerange(0, 1 << 16)
    _watch(child)


def reap_for_ever() -> NoReturn:
    """Be process 1 of a namespace whose programs are others' affair: take the exit codes of orphans, and no signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    syscalls.hide_from_peers()
    os.closerange(0, 1 << 16)
    while True:
        _reap(0)
        signal.sigwait({signal.SIGCHLD})


def _watch(child: int) -> NoReturn:
    while True:
        number = signal.sigwait(signal.valid_signals())
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        ended = _reap(child)
        if ended is not None:
            os._exit(ended if ended >= 0 else 128 - ended)


def _reap(child: int) -> int | None:
    """Take the exit codes of all that ended; that of `child`, if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = os.waitstatus_to_exitcode(status)
