"""One container: its record on disk, its process, its output, one more program run inside it.

A record is written before anybody is told of a change, so that a supervisor that starts later knows what was seen.
"""

import asyncio
import json
import os
import pty
import signal
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moorage.runtime.supervisor import clock, hosts, pause, process, spawn
from moorage.runtime.supervisor.children import Children, Work
from moorage.runtime.supervisor.forward import Way
from moorage.runtime.supervisor.output import Output

RECORD = "container.json"
MAX_CAPTURE = 1024 * 1024
"""What is kept of the output of a program that is run inside a container."""

_LAST_WORDS = 5.0
"""Seconds to wait for the end of the output of a process that ended."""
_LAST_RECORDS = 2.0
"""Seconds within which a log router shall read what a process that ended has written."""


@dataclass
class Seen:
    """What was observed of a container; its record on disk, word for word."""

    name: str
    runtime_id: str
    phase: str = "CREATED"
    pid: int = 0
    born: int = 0
    """The kernel's start time of `pid`: with it a pid means one process, also after a restart."""
    started_at: float | None = None
    stopped_at: float | None = None
    exit_code: int | None = None
    reason: str | None = None
    health: str = "UNKNOWN"
    stop_signal: int = int(signal.SIGTERM)
    """What the image wants to be sent when it is asked to end."""
    attempt: int = 0
    """That of the start which this is about; a later one starts a container that ended again."""
    image_digest: str = ""
    """That of the image which it was started from."""


@dataclass
class Container:
    """A container that was started once."""

    directory: Path
    seen: Seen
    program: process.Program
    changed: Callable[[], None]
    ended: asyncio.Future[int] | None = None
    health_check: asyncio.Task[None] | None = None
    watching: asyncio.Task[None] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    names: hosts.Own = field(default_factory=hosts.Own)
    way: Way | None = None
    """To the log router that gets what it writes."""
    stdin: int | None = None
    """The end to write of what it reads, held open so that it never sees an end."""
    mounts: int | None = None
    """Its mount namespace, where its program is not process 1 and so does not take all others with it."""

    @property
    def running(self) -> bool:
        """True while its program lives, as far as was seen."""
        return self.seen.phase == "RUNNING"

    def note(self, **what: Any) -> None:
        """Change the record, on disk first, then tell."""
        for key, value in what.items():
            setattr(self.seen, key, value)
        write_record(self.directory, asdict(self.seen))
        self.changed()

    def signal(self, number: int) -> None:
        """Send a signal to its program; its end ends all others. SIGTERM is sent as the image's own stop signal."""
        if self.running:
            with suppress(ProcessLookupError):
                os.kill(self.seen.pid, self.seen.stop_signal if number == signal.SIGTERM else number)

    def let_go(self) -> None:
        """Close its standard input."""
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    async def end(self) -> None:
        """Kill what runs and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self.running:
            await self.gone.wait()


def runtime_id(task: str, name: str) -> str:
    """A name for the container in ECS's form: the task's id and ten digits."""
    return f"{task}-{zlib.crc32(name.encode()):010d}"


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Replace the record of a container in one step."""
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"{RECORD}.new"
    fresh.write_text(json.dumps(record))
    fresh.replace(directory / RECORD)


async def run(
    container: Container,
    children: Children,
    blueprint: process.Blueprint,
    place: process.Place,
    oom: Callable[[], bool],
) -> None:
    """Start the container's program; from here on it is watched until it ends. Refused when it does not start."""
    output = Output(container.directory)
    if container.way is not None:
        output.send_to(container.way)
    spawned: spawn.Spawned | spawn.Launched
    try:
        if blueprint.root.furniture.terminal:
            spawned = await _on_terminal(children, blueprint, place, output)
        else:
            spawned = await _on_pipes(container, children, blueprint, place, output)
    except BaseException:
        await output.abandon()
        raise
    container.ended = spawned.ended
    container.mounts = next(iter(spawned.descriptors), None)
    container.note(phase="RUNNING", pid=spawned.pid, born=birth(spawned.pid), started_at=clock.now())
    container.watching = asyncio.create_task(_watch(container, spawned.ended, output, oom))
    container.watching.add_done_callback(lambda task: task.result())


async def _on_terminal(
    children: Children, blueprint: process.Blueprint, place: process.Place, output: Output
) -> spawn.Launched:
    """On a terminal of its own, which both its streams are: what it writes counts as its standard output."""
    ours, theirs = pty.openpty()

    def make(status: int, go: int) -> Work:
        pipes = process.Pipes(theirs, theirs, status, go, stdin=theirs, terminal=True)
        return process.launch(blueprint, place, pipes)

    try:
        launched = await spawn.launch(children, make)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    output.read("stdout", ours)
    return launched


async def _on_pipes(
    container: Container, children: Children, blueprint: process.Blueprint, place: process.Place, output: Output
) -> spawn.Spawned:
    """On two pipes; it reads nothing, or waits for ever where it wants its standard input to be open."""
    reading, writing = os.pipe() if blueprint.root.furniture.stdin else (None, None)
    container.stdin = writing
    try:
        spawned = await spawn.spawn(children, lambda pipes: process.launch(blueprint, place, pipes), reading)
    except BaseException:
        container.let_go()
        raise
    finally:
        if reading is not None:
            os.close(reading)
    output.read("stdout", spawned.stdout)
    output.read("stderr", spawned.stderr)
    return spawned


async def _watch(container: Container, ended: asyncio.Future[int], output: Output, oom: Callable[[], bool]) -> None:
    code = await ended
    stopped = clock.now()
    container.let_go()
    if container.health_check is not None:
        container.health_check.cancel()
    if container.mounts is not None:
        await pause.sweep(container.mounts)
        os.close(container.mounts)
    with suppress(TimeoutError):
        await asyncio.wait_for(output.closed, _LAST_WORDS)
    await output.end(_LAST_RECORDS)
    killed = code == 128 + signal.SIGKILL
    reason = "OutOfMemoryError: Container killed due to memory usage" if killed and oom() else None
    container.note(phase="EXITED", stopped_at=stopped, exit_code=code, reason=reason)
    container.gone.set()


async def execute(
    container: Container, children: Children, program: process.Program, cgroups: list[str], within: float | None
) -> tuple[int, bytes]:
    """Run one more program in the container: exit code and output, both streams as they came. 124 after `within` s."""
    pid = witness(container.seen.pid)
    userns = is_nested(pid)
    spawned = await spawn.spawn(children, lambda pipes: process.enter(pid, program, cgroups, pipes, userns=userns))
    captured = bytearray()
    reading = [asyncio.create_task(_capture(stream, captured)) for stream in (spawned.stdout, spawned.stderr)]
    try:
        code = await asyncio.wait_for(asyncio.shield(spawned.ended), within)
    except TimeoutError:
        code = 124
    finally:
        with suppress(ProcessLookupError):
            if not spawned.ended.done():
                os.kill(spawned.pid, signal.SIGKILL)
    # A program may leave children behind that keep the pipes open: they do not delay the answer for long.
    _, late = await asyncio.wait(reading, timeout=1.0)
    for task in late:
        task.cancel()
    return code, bytes(captured)


async def _capture(descriptor: int, into: bytearray) -> None:
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    done: asyncio.Future[None] = loop.create_future()

    def arrived() -> None:
        data = os.read(descriptor, 65536)
        into.extend(data[: max(MAX_CAPTURE - len(into), 0)])
        if not data and not done.done():
            done.set_result(None)

    loop.add_reader(descriptor, arrived)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def witness(pid: int) -> int:
    """A process whose namespaces are those of the container with process 1 `pid`, and can be opened.

    An ordinary user may not look into an init of ours (`init`); its program, the first child, lives as long.
    """
    try:
        Path(f"/proc/{pid}/ns/user").readlink()
    except PermissionError:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else pid
    return pid


def is_nested(pid: int) -> bool:
    """True when the process has a user namespace of its own, as containers of an ordinary user have."""
    if os.geteuid() != 0:
        return False
    theirs, ours = Path(f"/proc/{pid}/ns/user"), Path("/proc/self/ns/user")
    return theirs.readlink() != ours.readlink()


def birth(pid: int) -> int:
    """The kernel's start time of a process, 0 when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(text.rpartition(")")[2].split()[19])
