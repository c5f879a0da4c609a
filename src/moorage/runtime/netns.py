"""The netns runtime: implements the Runtime port by asking the supervisor, which this starts when none answers.

Turns what the supervisor answers into the engine's values; what it is asked is worded in `requests`. Namespaces, mounts
and processes are the supervisor's.
"""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from typing import Any

from moorage.domain.task import PortBinding
from moorage.engine.ports import (
    CannotPull,
    CannotStart,
    LogLine,
    NameUnknown,
    NoAnswer,
    NotRunning,
    RuntimeFailed,
    Unavailable,
)
from moorage.planning.actions import (
    PROXY_IMAGE,
    ContainerObservation,
    ContainerPhase,
    ContainerSpec,
    Health,
    HostsEntry,
    TaskObservation,
    TaskSpec,
)
from moorage.runtime import requests
from moorage.runtime.guest import Guest
from moorage.runtime.local_image import LocalImage
from moorage.runtime.supervisor.lines import Lines
from moorage.runtime.supervisor.link import AnotherVersion, Launch, Link
from moorage.runtime.supervisor.protocol import Message, Refused
from moorage.runtime.writings import Writings

_ERRORS: dict[str, type[RuntimeFailed]] = {
    "CannotPull": CannotPull,
    "CannotStart": CannotStart,
    "NotRunning": NotRunning,
    "Unavailable": Unavailable,
}
_CONNECT = 10.0
_LOOK_AGAIN = 0.1
"""Seconds between two looks at a file that is followed, at the least."""

_RESOLVE = "import socket,sys;print(socket.getaddrinfo(sys.argv[1],None,socket.AF_INET,socket.SOCK_STREAM)[0][4][0])"


@dataclass(frozen=True)
class ExecResult:
    """What a program that was run inside a container came to; both its streams as they came."""

    exit_code: int
    output: str


class _Reader:
    """Who follows what a container writes. The file is read when `woken`, the supervisor asked when it told news."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self._news = True

    def begin(self) -> bool:
        """Begin a look; whether something of the task may have changed since the one before."""
        self.woken.clear()
        news, self._news = self._news, False
        return news

    def hear(self) -> None:
        """Something of the task may have changed."""
        self._news = True
        self.woken.set()


class NetnsRuntime:
    """One instance's tasks. `resolve` names local images; it raises CannotPull for an unknown one."""

    def __init__(
        self,
        run_dir: Path,
        state_dir: Path,
        instance: str,
        resolve: Callable[[str], LocalImage],
        *,
        pool: str | None = None,
        root_size: int | None = None,
    ) -> None:
        self._state = state_dir
        self._resolve = resolve
        self._nudges: list[Callable[[str], None]] = []
        self._readers: dict[str, set[_Reader]] = {}
        self._writings = Writings()
        self._known: set[str] = set()
        self._link = Link(Launch(run_dir, state_dir, instance, pool, root_size), self._heard, self._left)

    async def prepare(self, spec: TaskSpec) -> str:
        self._known.add(spec.task_id)
        answer = await self._ask("prepare", **requests.preparing(spec))
        return str(answer["address"])

    async def name(self, task_id: str, hosts: Sequence[HostsEntry]) -> None:
        await self._ask("name", task_id=task_id, hosts=[(entry.address, entry.name) for entry in hosts])

    async def start(self, spec: ContainerSpec) -> None:
        image = requests.proxy_image() if spec.image == PROXY_IMAGE else self._resolve(spec.image)
        await self._ask("start", **requests.starting(spec, image))

    async def signal(self, task_id: str, container: str, signal: int) -> None:
        await self._ask("signal", task_id=task_id, name=container, signal=signal)

    async def remove(self, task_id: str) -> None:
        await self._ask("remove", task_id=task_id)
        self._known.discard(task_id)

    async def observe(self, task_id: str) -> TaskObservation | None:
        task = (await self._ask("observe", task_id=task_id))["task"]
        if task is None:
            return None
        self._known.add(task_id)
        seen = {record["name"]: _observation(record) for record in task["containers"]}
        bindings = tuple(PortBinding(**binding) for binding in task["bindings"])
        return TaskObservation(
            task_id, task["address"], seen, task["host_address"], task["addresses"], bindings, task["revision"]
        )

    async def listening(self, task_id: str) -> frozenset[int]:
        return frozenset((await self._ask("listening", task_id=task_id))["ports"])

    async def tasks(self) -> Mapping[str, int]:
        revisions: dict[str, int] = (await self._ask("tasks"))["tasks"]
        return revisions

    async def dial(self, task_id: str, port: int) -> socket.socket:
        made, _ = await self._socket(task_id, port)
        return await _connect(made, "127.0.0.1", port)

    async def resolve_and_dial(self, task_id: str, host: str, port: int) -> socket.socket:
        made, hosts = await self._socket(task_id)
        try:
            address = _known(host, hosts) or await self._look_up(task_id, host)
        except BaseException:
            made.close()
            raise
        return await _connect(made, address, port)

    async def logs(self, task_id: str, container: str, since: datetime | None, follow: bool) -> AsyncIterator[LogLine]:
        lines = Lines(self._state, task_id, container)
        reader = self._reader(task_id)
        try:
            while True:
                # In this order: what happens from here on wakes it, what happened before is seen below.
                asking, told = reader.begin(), follow and self._writings.tell(lines.folders, reader.woken)
                ending = not follow or (asking and not await self._goes_on(task_id, container))
                for at, stream, text in lines.fresh():
                    when = datetime.fromtimestamp(at, UTC)
                    if since is None or when >= since:
                        yield LogLine(when, stream, text)
                if ending:
                    return
                await asyncio.sleep(_LOOK_AGAIN)
                if told:
                    await reader.woken.wait()
        finally:
            lines.close()
            self._writings.forget(reader.woken)
            self._readers[task_id].discard(reader)
            if not self._readers[task_id]:
                del self._readers[task_id]

    def watch(self, nudge: Callable[[str], None]) -> None:
        self._nudges.append(nudge)

    async def exec(
        self,
        task_id: str,
        container: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        within: float | None = None,
    ) -> ExecResult:
        """Run a program inside a container that runs; exit code 124 when `within` seconds were not enough."""
        answer = await self._ask(
            "exec", task_id=task_id, name=container, argv=list(argv), environment=dict(environment), timeout=within
        )
        return ExecResult(answer["exit_code"], answer["output"])

    async def attach(
        self, task_id: str, container: str, argv: Sequence[str], environment: Mapping[str, str], terminal: bool
    ) -> Guest:
        """Run a program inside a container that runs, its streams in the caller's hands. NotRunning, CannotStart."""
        answer, (reading, writing) = await self._request(
            "attach",
            task_id=task_id,
            name=container,
            argv=list(argv),
            environment=dict(environment),
            terminal=terminal,
        )
        guest = answer["guest"]

        # A guest ends with its supervisor: no other is asked about it, and none is started for that.
        async def wait() -> int:
            if not self._link.present:
                raise Unavailable("the supervisor went away, and the program with it")
            return int((await self._ask("wait", guest=guest))["exit_code"])

        async def leave() -> None:
            if self._link.present:
                with suppress(Unavailable):
                    await self._ask("leave", guest=guest)

        return Guest(reading, writing, terminal, wait, leave)

    async def listen(self, address: str, port: int) -> socket.socket:
        """A socket that listens where every task reaches it, whatever the host has at that address."""
        _, descriptors = await self._request("listen", address=address, port=port)
        made = socket.socket(fileno=descriptors[0])
        made.setblocking(False)
        return made

    async def lost(self) -> None:
        """Return when the supervisor went away, and with it the network of its tasks."""
        await self._link.lost()

    async def usage(self, task_id: str) -> Message:
        """What the task uses now: `cpus`, `system`, `containers` by name, `network`. NotRunning."""
        return await self._ask("usage", task_id=task_id)

    async def misunderstood(self) -> str:
        """That a supervisor runs which another version of Moorage started, and what to do; else nothing."""
        try:
            await self._link.running()
        except AnotherVersion as other:
            return other.reason
        except Refused:
            return ""  # Slow or just gone: what is asked next waits for it, or starts another.
        return ""

    async def facts(self) -> Message:
        """What `moorage check` tells: mode ("root" or "user"), pool, limits (whether they are enforced)."""
        return await self._ask("facts")

    async def close(self, stop_tasks: bool) -> None:
        """Let go of the supervisor, which goes on with its tasks; with `stop_tasks`, end it and everything of it."""
        try:
            if stop_tasks:
                await self._link.end()
        except Refused as refused:
            raise _ERRORS[refused.kind](refused.reason) from refused
        finally:
            self._link.close()
            self._writings.close()

    async def _ask(self, operation: str, **arguments: Any) -> Message:
        answer, descriptors = await self._request(operation, **arguments)
        for descriptor in descriptors:
            os.close(descriptor)
        return answer

    async def _request(self, operation: str, **arguments: Any) -> tuple[Message, list[int]]:
        try:
            return await self._link.call(operation, **arguments)
        except Refused as refused:
            raise _ERRORS[refused.kind](refused.reason) from refused

    async def _socket(self, task_id: str, port: int | None = None) -> tuple[socket.socket, list[tuple[str, str]]]:
        answer, descriptors = await self._request("socket", task_id=task_id, port=port)
        made = socket.socket(fileno=descriptors[0])
        made.setblocking(False)
        return made, [(address, name) for address, name in answer["hosts"]]

    async def _look_up(self, task_id: str, host: str) -> str:
        """Ask the resolver as a program of the task would: from inside one of its containers."""
        task = await self.observe(task_id)
        running = (
            [name for name, seen in task.containers.items() if seen.phase is ContainerPhase.RUNNING] if task else []
        )
        if not running:
            raise NotRunning(f"no container of the task {task_id} runs that could look {host} up")
        for name in running:
            for argv in (["python3", "-I", "-S", "-c", _RESOLVE, host], ["getent", "ahostsv4", host]):
                try:
                    found = await self.exec(task_id, name, argv, {}, within=_CONNECT)
                except CannotStart:
                    continue  # an image of its own need not have the program
                if found.exit_code:
                    raise NameUnknown(f"{host} does not resolve inside the task")
                return found.output.split()[0]
        raise NotRunning(f"no container of the task {task_id} has python3 or getent, which look {host} up")

    async def _goes_on(self, task_id: str, container: str) -> bool:
        task = await self.observe(task_id)
        seen = task.containers.get(container) if task else None
        return seen is not None and seen.phase is not ContainerPhase.EXITED

    def _reader(self, task_id: str) -> "_Reader":
        made = _Reader()
        self._readers.setdefault(task_id, set()).add(made)
        return made

    def _heard(self, task_id: str) -> None:
        for reader in self._readers.get(task_id, ()):
            reader.hear()
        for nudge in self._nudges:
            nudge(task_id)

    def _left(self) -> None:
        """A supervisor that ends takes its tasks with it: something of each of them changed."""
        for task_id in sorted(self._known):
            self._heard(task_id)


def _observation(record: Message) -> ContainerObservation:
    return ContainerObservation(
        name=record["name"],
        phase=ContainerPhase(record["phase"]),
        started_at=_instant(record["started_at"]),
        stopped_at=_instant(record["stopped_at"]),
        exit_code=record["exit_code"],
        reason=record["reason"],
        health=Health(record["health"]),
        runtime_id=record["runtime_id"],
        attempt=record["attempt"],
        image_digest=record.get("image_digest", ""),
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _known(host: str, hosts: list[tuple[str, str]]) -> str | None:
    """What the task's hosts file says, or the address itself."""
    wanted = host.rstrip(".").lower()
    for address, name in hosts:
        if name.lower() == wanted:
            return address
    if wanted == "localhost":
        return "127.0.0.1"
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        return None


async def _connect(made: socket.socket, address: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.sock_connect(made, (address, port)), _CONNECT)
    except OSError as error:
        made.close()
        number = error.errno or errno.ETIMEDOUT
        kind = NoAnswer if number == errno.ETIMEDOUT else NotRunning
        raise kind(f"nothing answers at {address}:{port} inside the task: {os.strerror(number)}") from error
    return made
