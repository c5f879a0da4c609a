"""FakeRuntime: tasks that exist in memory only, on the event loop's own time. For simulation and for contract tests.

What a container does is a Behaviour, chosen from its spec; what goes wrong between runtime and caller is asked of
Faults. It keeps no thread and never really sleeps: under a virtual clock an hour passes in a moment.
"""

import asyncio
import hashlib
import signal as signals
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address
from itertools import count, repeat
from typing import Final

from moorage.domain.task import PortBinding
from moorage.engine.ports import CannotPull, CannotStart, Clock, LogLine, NameUnknown, NotRunning
from moorage.planning.actions import (
    ContainerObservation,
    ContainerPhase,
    ContainerSpec,
    Health,
    HostsEntry,
    TaskObservation,
    TaskSpec,
)
from moorage.runtime.faults import Faults, NoFaults
from moorage.runtime.local_image import image_name

FIRST_ADDRESS: Final = IPv4Address("100.64.0.2")
INSTANCE: Final = "100.64.0.1"
FIRST_HOST_PORT: Final = 32768


@dataclass(frozen=True)
class Behaviour:
    """What a container of an image does; seconds count from the start of its program.

    `healthy_after` and `unhealthy_after` matter only with a health check. `answers` are the ports that it listens on,
    and what it writes to whoever connects; `listens` are further ports, and `listens_after` is when it listens on any.
    `term_code` is its exit code after SIGTERM, 143 if it has no handler.
    """

    start_after: float = 0.0
    cannot_start: str = ""
    exit_after: float | None = None
    exit_code: int = 0
    reason: str | None = None
    healthy_after: float | None = 0.0
    unhealthy_after: float | None = None
    ignores_sigterm: bool = False
    stops_after: float = 0.0
    term_code: int = 128 + signals.SIGTERM
    writes: tuple[tuple[str, str], ...] = ()
    answers: Mapping[int, bytes] = field(default_factory=dict)
    listens: frozenset[int] = frozenset()
    listens_after: float = 0.0


Behave = Callable[[ContainerSpec], Behaviour | None]
"""The behaviour of a container that is about to start, or None if its image is unknown."""


def by_image(images: Mapping[str, Behaviour]) -> Behave:
    """Behaviours by the name of the image, whatever its registry and tag."""
    return lambda spec: images.get(image_name(spec.image))


@dataclass
class _Container:
    behaviour: Behaviour
    seen: ContainerObservation
    lines: list[LogLine] = field(default_factory=list)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def runs(self) -> bool:
        return self.seen.phase is ContainerPhase.RUNNING


@dataclass
class _Task:
    spec: TaskSpec
    address: str
    addresses: dict[str, str] = field(default_factory=dict)
    bindings: tuple[PortBinding, ...] = ()
    containers: dict[str, _Container] = field(default_factory=dict)
    revision: int = 0

    @property
    def held(self) -> list[str]:
        """Every address that it has."""
        return [each for each in (self.address, *self.addresses.values()) if each]

    @property
    def ports(self) -> set[tuple[str, int]]:
        """Every port of the instance that leads to it."""
        rows = ((each.protocol, range(each.host_port, each.host_port + each.size)) for each in self.bindings)
        return {(protocol, port) for protocol, row in rows for port in row}


class FakeRuntime:
    """Implements `engine.ports.Runtime`. `prepare_after` is how many seconds making a network takes."""

    def __init__(self, clock: Clock, behave: Behave, faults: Faults | None = None, prepare_after: float = 0.0) -> None:
        self._clock = clock
        self._behave = behave
        self._faults: Faults = NoFaults() if faults is None else faults
        self._prepare_after = prepare_after
        self._tasks: dict[str, _Task] = {}
        self._gone: dict[tuple[str, str], _Container] = {}
        self._nudges: list[Callable[[str], None]] = []
        self._revisions = count(1)

    async def prepare(self, spec: TaskSpec) -> str:
        await self._faults.before("prepare", spec.task_id)
        if spec.task_id not in self._tasks:
            await asyncio.sleep(self._prepare_after)
        # Someone else may have asked for the same meanwhile.
        if spec.task_id not in self._tasks:
            self._tasks[spec.task_id] = self._made(spec)
            self._nudge(spec.task_id)
        address = self._tasks[spec.task_id].address
        await self._faults.after("prepare", spec.task_id)
        return address

    def _made(self, spec: TaskSpec) -> _Task:
        if not spec.apart:
            return _Task(spec, next(self._free_addresses()))
        free = self._free_addresses() if spec.joined else repeat("")
        addresses = {each.name: next(free) for each in spec.apart}
        return _Task(spec, "", addresses, tuple(self._bound(spec)))

    def _free_addresses(self) -> Iterator[str]:
        taken = {address for task in self._tasks.values() for address in task.held}
        return (str(FIRST_ADDRESS + n) for n in count() if str(FIRST_ADDRESS + n) not in taken)

    def _bound(self, spec: TaskSpec) -> Iterator[PortBinding]:
        """A dynamic port is the first above all that are taken, so that a range is free as a whole."""
        taken = {port for task in self._tasks.values() for port in task.ports}
        for each in spec.published:
            highest = max((port for protocol, port in taken if protocol == each.protocol), default=0)
            first = each.host_port or max(FIRST_HOST_PORT, highest + 1)
            row = {(each.protocol, port) for port in range(first, first + each.size)}
            if row & taken:
                raise CannotStart(f"Bind for 0.0.0.0:{first} failed: port is already allocated")
            taken |= row
            yield replace(each, host_port=first)

    async def name(self, task_id: str, hosts: Sequence[HostsEntry]) -> None:
        await self._faults.before("name", task_id)
        task = self._tasks.get(task_id)
        if task is None:
            raise NotRunning(f"there is no task {task_id}")
        task.spec = replace(task.spec, hosts=tuple(hosts))

    def names(self, task_id: str) -> dict[str, str]:
        """What the hosts file of the task says."""
        task = self._tasks.get(task_id)
        return {entry.name: entry.address for entry in task.spec.hosts} if task else {}

    async def start(self, spec: ContainerSpec) -> None:
        await self._faults.before("start", spec.task_id)
        if not self._ever_started(spec):
            behaviour = self._behave(spec)
            if behaviour is None:
                raise CannotPull(f"failed to resolve ref {spec.image}: not found")
            await asyncio.sleep(behaviour.start_after)
            if behaviour.cannot_start:
                raise CannotStart(behaviour.cannot_start)
            if not self._ever_started(spec):
                self._run(spec, behaviour)
        await self._faults.after("start", spec.task_id)

    def _ever_started(self, spec: ContainerSpec) -> bool:
        task = self._tasks.get(spec.task_id)
        if task is None:
            raise CannotStart(f"the task {spec.task_id} has no network")
        former = task.containers.get(spec.name)
        return former is not None and (former.runs or former.seen.attempt >= spec.attempt)

    def _run(self, spec: ContainerSpec, behaviour: Behaviour) -> None:
        now = self._clock.now()
        runtime_id = f"{spec.task_id}-{spec.name}"
        running = ContainerPhase.RUNNING
        digest = f"sha256:{hashlib.sha256(spec.image.encode()).hexdigest()}"
        seen = ContainerObservation(
            spec.name, running, now, runtime_id=runtime_id, attempt=spec.attempt, image_digest=digest
        )
        container = _Container(behaviour, seen)
        self._tasks[spec.task_id].containers[spec.name] = container
        container.lines += [LogLine(now, stream, text) for stream, text in behaviour.writes]
        if behaviour.exit_after is not None:
            end = (spec.task_id, container, behaviour.exit_code, behaviour.reason)
            self._later(container, behaviour.exit_after, self._exit, *end)
        if spec.health_check is not None:
            for delay, health in (
                (behaviour.healthy_after, Health.HEALTHY),
                (behaviour.unhealthy_after, Health.UNHEALTHY),
            ):
                if delay is not None:
                    self._later(container, delay, self._set_health, spec.task_id, container, health)
        self._nudge(spec.task_id)

    def _later(self, container: _Container, delay: float, act: Callable[..., None], *arguments: object) -> None:
        container.timers.append(asyncio.get_running_loop().call_later(delay, act, *arguments))

    def _set_health(self, task_id: str, container: _Container, health: Health) -> None:
        container.seen = replace(container.seen, health=health)
        self._nudge(task_id)

    def _exit(self, task_id: str, container: _Container, code: int, reason: str | None = None) -> None:
        if not container.runs:
            return
        for timer in container.timers:
            timer.cancel()
        container.seen = replace(
            container.seen,
            phase=ContainerPhase.EXITED,
            stopped_at=self._clock.now(),
            exit_code=code,
            reason=reason,
        )
        container.changed.set()
        self._nudge(task_id)

    async def signal(self, task_id: str, container: str, signal: int) -> None:
        await self._faults.before("signal", task_id)
        found = self._container(task_id, container)
        if found is not None and found.runs:
            self._signal(task_id, found, signal)
        await self._faults.after("signal", task_id)

    def _signal(self, task_id: str, container: _Container, signal: int) -> None:
        behaviour = container.behaviour
        if signal != signals.SIGTERM:
            self._exit(task_id, container, 128 + signal)
        elif not behaviour.ignores_sigterm:
            self._later(container, behaviour.stops_after, self._exit, task_id, container, behaviour.term_code)

    def crash(self, task_id: str, container: str, code: int = 137, reason: str | None = None) -> None:
        """For simulation: the container ends by itself, now."""
        found = self._container(task_id, container)
        if found is not None:
            self._exit(task_id, found, code, reason)

    def accepts(self, task_id: str, port: int) -> bool:
        """For simulation: whether a connection to the task's port would be accepted now."""
        task = self._tasks.get(task_id)
        return task is not None and any(port in self._ports(container) for container in task.containers.values())

    def forget_watchers(self) -> None:
        """For simulation: the daemon that watched is gone."""
        self._nudges.clear()

    async def remove(self, task_id: str) -> None:
        await self._faults.before("remove", task_id)
        task = self._tasks.get(task_id)
        if task is not None:
            for name, container in task.containers.items():
                self._exit(task_id, container, 128 + signals.SIGKILL)
                self._gone[(task_id, name)] = container
            del self._tasks[task_id]
            self._nudge(task_id)
        await self._faults.after("remove", task_id)

    async def observe(self, task_id: str) -> TaskObservation | None:
        await self._faults.before("observe", task_id)
        task = self._tasks.get(task_id)
        if task is None:
            return None
        seen = {name: container.seen for name, container in task.containers.items()}
        host = INSTANCE if task.spec.apart and task.spec.joined else ""
        return TaskObservation(task_id, task.address, seen, host, task.addresses, task.bindings, task.revision)

    async def listening(self, task_id: str) -> frozenset[int]:
        await self._faults.before("listening", task_id)
        task = self._tasks.get(task_id)
        containers = task.containers.values() if task is not None else ()
        return frozenset(port for container in containers for port in self._ports(container))

    def _ports(self, container: _Container) -> frozenset[int]:
        since = self._clock.now() - (container.seen.started_at or self._clock.now())
        listens = container.runs and since.total_seconds() >= container.behaviour.listens_after
        return container.behaviour.listens | frozenset(container.behaviour.answers) if listens else frozenset()

    async def tasks(self) -> Mapping[str, int]:
        await self._faults.before("tasks", "")
        return {task_id: task.revision for task_id, task in self._tasks.items()}

    async def dial(self, task_id: str, port: int) -> socket.socket:
        await self._faults.before("dial", task_id)
        task = self._tasks.get(task_id)
        if task is None:
            raise NotRunning(f"there is no task {task_id}")
        return _connected(task, port)

    async def resolve_and_dial(self, task_id: str, host: str, port: int) -> socket.socket:
        await self._faults.before("dial", task_id)
        task = self._tasks.get(task_id)
        if task is None:
            raise NotRunning(f"there is no task {task_id}")
        names = {"localhost": "127.0.0.1"} | {entry.name: entry.address for entry in task.spec.hosts}
        address = names.get(host, host)
        if address == "127.0.0.1":
            return _connected(task, port)
        for other in self._tasks.values():
            if address in other.held:
                return _connected(other, port)
        if host not in names and not host.replace(".", "").isdigit():
            raise NameUnknown(f"{host} does not resolve inside the task")
        raise NotRunning(f"nothing answers at {host} port {port}")

    async def logs(self, task_id: str, container: str, since: datetime | None, follow: bool) -> AsyncIterator[LogLine]:
        found = self._container(task_id, container) or self._gone.get((task_id, container))
        if found is None:
            return
        told = 0
        while True:
            for line in found.lines[told:]:
                told += 1
                if since is None or line.at >= since:
                    yield line
            if not follow or not found.runs:
                return
            await found.changed.wait()

    def watch(self, nudge: Callable[[str], None]) -> None:
        self._nudges.append(nudge)

    def _container(self, task_id: str, name: str) -> _Container | None:
        task = self._tasks.get(task_id)
        return None if task is None else task.containers.get(name)

    def _nudge(self, task_id: str) -> None:
        if task_id in self._tasks:
            self._tasks[task_id].revision = next(self._revisions)
        for _ in range(self._faults.nudges(task_id)):
            for nudge in self._nudges:
                nudge(task_id)


def _connected(task: _Task, port: int) -> socket.socket:
    """One end of a pair; what the program answers is in it already, and then its end."""
    for container in task.containers.values():
        if container.runs and port in container.behaviour.answers:
            near, far = socket.socketpair()
            near.setblocking(False)
            far.sendall(container.behaviour.answers[port])
            far.close()
            return near
    raise NotRunning(f"nothing of the task {task.spec.task_id} listens on port {port}")
