"""Starts a process by way of a worker and adopts it: the pipes, the go-ahead, and what to do when it does not start.

What the worker does is `process`; what is done with the running process is said by the caller.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from moorage.runtime.supervisor import process
from moorage.runtime.supervisor.children import Children, Work
from moorage.runtime.supervisor.protocol import Refused

_DEADLINE = 30.0
"""Seconds within which a program must have been executed; a machine that needs longer is not working."""


@dataclass(frozen=True)
class Spawned:
    """A process of ours that runs: its pid, its exit code to come, the read ends of its output."""

    pid: int
    ended: asyncio.Future[int]
    stdout: int
    stderr: int
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Launched:
    """A process of ours that runs: its pid, its exit code to come, what its worker handed over."""

    pid: int
    ended: asyncio.Future[int]
    descriptors: tuple[int, ...] = ()


async def spawn(children: Children, make: Callable[[process.Pipes], Work], stdin: int | None = None) -> Spawned:
    """Run the worker that `make` returns until its process executes; Refused (CannotStart) with the reason if not."""
    (out_r, out_w), (err_r, err_w) = os.pipe(), os.pipe()
    try:
        started = await launch(children, lambda status, go: make(process.Pipes(out_w, err_w, status, go, stdin)))
    except BaseException:
        _close(out_r, err_r)
        raise
    finally:
        _close(out_w, err_w)
    return Spawned(started.pid, started.ended, out_r, err_r, started.descriptors)


async def launch(children: Children, make: Callable[[int, int], Work]) -> Launched:
    """As `spawn`, for a worker that is made from status pipe and go-ahead only: its streams are the caller's."""
    (status_r, status_w), (go_r, go_w) = os.pipe(), os.pipe()
    try:
        try:
            report = await children.run(make(status_w, go_r))
        finally:
            _close(status_w, go_r)
        ended = children.adopt(report.value)
        with suppress(BrokenPipeError):  # it may have ended already; the status says why
            os.write(go_w, b"g")
        refusal = await _refusal(status_r)
        if refusal is not None:
            with suppress(ProcessLookupError):
                os.kill(report.value, signal.SIGKILL)
            await ended
            _close(*report.descriptors)
            raise Refused("CannotStart", refusal)
    except OSError as error:
        raise Refused("CannotStart", str(error)) from error
    finally:
        # A process that still waits for the go-ahead ends when this side of its pipe is closed.
        _close(status_r, go_w)
    return Launched(report.value, ended, tuple(report.descriptors))


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


async def _refusal(status: int) -> str | None:
    """None when the program was executed, else why it was not."""
    loop = asyncio.get_running_loop()
    os.set_blocking(status, False)
    collected = b""
    finished: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        nonlocal collected
        data = os.read(status, 65536)
        collected += data
        if not data and not finished.done():
            finished.set_result(None)

    loop.add_reader(status, arrived)
    try:
        await asyncio.wait_for(finished, _DEADLINE)
    except TimeoutError:
        return f"the program was not executed within {_DEADLINE:.0f} s"
    finally:
        loop.remove_reader(status)
    before, executing, after = collected.partition(process.EXECUTING)
    if executing and not before:
        return after.decode(errors="replace") or None
    return collected.decode(errors="replace") or "the process ended before its program was executed"
