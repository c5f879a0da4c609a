"""Children of the supervisor: forks short-lived workers, adopts containers, reaps everything that ends.

A worker does what needs other namespaces than the supervisor's own and reports one result. What it does, and what an
exit means, is decided by the caller.
"""

import asyncio
import errno
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pyroute2.netlink.exceptions import NetlinkError

from moorage.runtime.supervisor import readiness
from moorage.runtime.supervisor.protocol import Refused

_MAX_RESULT = 1 << 20
_MAX_DESCRIPTORS = 16

_TREATED = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""Signals that Python, the supervisor or who started it may treat in their own way: `nohup` and a shell's `&` ignore
some, and a shell cannot trap what it finds ignored. A child starts with the kernel's default for each.
"""

Work = Callable[["Report"], None]


@dataclass
class Report:
    """A worker's one answer, and the descriptors that go with it."""

    value: Any = None
    descriptors: list[int] = field(default_factory=list)


class Children:
    """Every process that the supervisor is the parent of, by pid. One per supervisor; needs a running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, int] = {}
        self._loop.add_signal_handler(signal.SIGCHLD, self.reap)

    def adopt(self, pid: int) -> asyncio.Future[int]:
        """The exit code of `pid` (128 + n after signal n), as soon as it ended."""
        future: asyncio.Future[int] = self._loop.create_future()
        if pid in self._ended:
            future.set_result(self._ended.pop(pid))
        else:
            self._waiting[pid] = future
        return future

    async def run(self, work: Work) -> Report:
        """Do `work` in a child that ends with it; raises what it raised, as Refused or OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                pid = fork(lambda: _work(work, theirs))
            ended = self.adopt(pid)
            ours.setblocking(False)
            await readiness.readable(ours)
            data, descriptors, _, _ = socket.recv_fds(ours, _MAX_RESULT, _MAX_DESCRIPTORS)
        await ended
        return _result(data, list(descriptors))

    def reap(self) -> None:
        """Take the exit codes of all children that ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            future = self._waiting.pop(pid, None)
            if future is None:
                self._ended[pid] = code
            elif not future.done():
                future.set_result(code)


def fork(body: Callable[[], None]) -> int:
    """Run `body` in a new child, away from the event loop and its signal handlers; returns the child's pid."""
    everything = signal.valid_signals()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    pid = os.fork()
    if pid == 0:
        _leave(body)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    return pid


def _leave(body: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        asyncio._set_running_loop(None)  # pyroute2 runs a loop of its own in here
        signal.set_wakeup_fd(-1)
        for number in _TREATED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        body()
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def _work(work: Work, answer: socket.socket) -> None:
    report = Report()
    try:
        work(report)
        message = {"ok": report.value}
    except Refused as refused:
        message = {"refused": [refused.kind, refused.reason]}
    except NetlinkError as error:
        message = {"errno": error.code, "text": f"netlink: {os.strerror(error.code)}"}
    except OSError as error:
        message = {"errno": error.errno or errno.EIO, "text": str(error.strerror or error)}
    socket.send_fds(answer, [json.dumps(message).encode()], report.descriptors)


def _result(data: bytes, descriptors: list[int]) -> Report:
    if not data:
        raise OSError(errno.EIO, "a worker of the supervisor ended without an answer")
    message = json.loads(data)
    if "ok" in message:
        return Report(message["ok"], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    if "refused" in message:
        raise Refused(*message["refused"])
    raise OSError(message["errno"], message["text"])
