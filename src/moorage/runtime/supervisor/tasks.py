"""The tasks of one instance: what each operation of the protocol does, and what is known of each task.

Operations may be repeated: preparing, starting or removing twice changes nothing. One at a time per task.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from itertools import count, islice
from typing import Any

from moorage.runtime import syscalls
from moorage.runtime.supervisor import (
    clock,
    containers,
    health,
    hosts,
    listeners,
    namespaces,
    network,
    pause,
    prepared,
    process,
    records,
    rules,
    usage,
    users,
    volumes,
)
from moorage.runtime.supervisor.cgroups import Cgroups, Limits
from moorage.runtime.supervisor.children import Children
from moorage.runtime.supervisor.containers import Container, Seen
from moorage.runtime.supervisor.guests import Guests
from moorage.runtime.supervisor.host_ports import HostPorts
from moorage.runtime.supervisor.namespaces import Namespaces
from moorage.runtime.supervisor.prepared import Settings, Task
from moorage.runtime.supervisor.protocol import Message, Refused


class Tasks:
    """All tasks, by id."""

    def __init__(self, settings: Settings, children: Children, cgroups: Cgroups, notify: Callable[[str], None]) -> None:
        self._settings = settings
        self._children = children
        self._cgroups = cgroups
        self._tell = notify
        # Beyond all numbers of a former supervisor: each of its changes took longer than a nanosecond.
        self._revisions = count(int(clock.now() * 1e9))
        self.guests = Guests(children)
        self._home = network.hold()
        self._tasks: dict[str, Task] = {}
        volumes.sweep(settings.state)
        self._last_offset: int = records.last_offset(settings.state)
        self._ports = HostPorts(network.ephemeral_ports())
        for task_id, seen in records.former(settings.state).items():
            restored = self._restore(task_id, seen)
            self._tasks[task_id] = Task(task_id, containers=restored, revision=next(self._revisions))

    async def prepare(self, request: Message) -> Message:
        """Make the task's network; what an observation tells of it."""
        task_id = records.checked(request["task_id"])
        task = self._tasks.setdefault(task_id, Task(task_id))
        async with task.lock:
            if task.spaces is None:
                try:
                    await self._build(task, request)
                except Refused:
                    await self._dismantle(task)
                    raise
                except OSError as error:
                    await self._dismantle(task)
                    raise Refused("CannotStart", f"the network of the task could not be made: {error}") from error
                self._notify(task_id)
        return _network_of(task)

    async def start(self, request: Message) -> Message:
        """Start a container that never started, or that ended if this is a later attempt."""
        task, name = self._prepared(request["task_id"]), records.checked(request["name"])
        async with task.lock:
            former = task.containers.get(name)
            if former is None or (former.seen.phase == "EXITED" and former.seen.attempt < request["attempt"]):
                await self._start(task, name, request)
        return {}

    async def name(self, request: Message) -> Message:
        """Give the task other names, in the hosts files of containers that run, too."""
        task = self._tasks.get(request["task_id"])
        if task is None or task.spaces is None:
            raise Refused("NotRunning", f"there is no task {request['task_id']}")
        async with task.lock:
            names = [(address, name) for address, name in request["hosts"]]
            if names != task.hosts:
                task.hosts = names
                for container in task.containers.values():
                    if container.running:
                        # A container that did away with its own hosts file has chosen not to know.
                        with suppress(OSError):
                            hosts.rewrite(
                                container.seen.pid, prepared.hosts_file(task, container.seen.name, container.names)
                            )
        return {}

    async def signal(self, request: Message) -> Message:
        """Send a signal to a container that runs."""
        container = self._find(request["task_id"], request["name"])
        if container is not None:
            container.signal(int(request["signal"]))
        return {}

    async def remove(self, request: Message) -> Message:
        """End the task and take away what it had, but for what it wrote."""
        task = self._tasks.get(request["task_id"])
        if task is None:
            return {}
        async with task.lock:
            await asyncio.gather(*(container.end() for container in task.containers.values()))
            await self._dismantle(task)
            records.retire(self._settings.state, task.task_id)
            self._tasks.pop(task.task_id, None)
        self._notify(task.task_id)
        return {}

    async def observe(self, request: Message) -> Message:
        """What was seen of the task; null when nothing is known of it."""
        task = self._tasks.get(request["task_id"])
        if task is None:
            return {"task": None}
        seen = [asdict(container.seen) for container in task.containers.values()]
        return {"task": {**_network_of(task), "containers": seen, "revision": task.revision}}

    async def listening(self, request: Message) -> Message:
        """The TCP ports that the task's programs listen on; where a proxy is apart from them, its own are not told."""
        task = self._tasks.get(request["task_id"])
        if task is None or task.spaces is None:
            return {"ports": []}
        ports: set[int] = set()
        for namespace in task.spaces.of_programs():
            with self._inside(namespace):
                ports |= listeners.ports()
        return {"ports": sorted(ports)}

    async def tasks(self, _request: Message) -> Message:
        """All tasks: the revision of each by its id."""
        return {"tasks": {task.task_id: task.revision for task in self._tasks.values()}}

    async def socket(self, request: Message) -> tuple[Message, int]:
        """A TCP socket where the task's programs are, not connected yet, and the task's own names.

        Where each container is apart: beside the one that names `port`, or the first if none does.
        """
        task = self._tasks.get(request["task_id"])
        if task is None or task.spaces is None:
            raise Refused("NotRunning", f"there is no task {request['task_id']}")
        with self._inside(task.spaces.naming(request["port"])):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        return {"hosts": task.hosts}, made.detach()

    async def listen(self, request: Message) -> tuple[Message, int]:
        """A socket that listens on an address of the namespace that all tasks reach."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((request["address"], request["port"]))
            made.listen(128)
        except OSError:
            made.close()
            raise
        return {}, made.detach()

    async def usage(self, request: Message) -> Message:
        """What the task uses now, and what the machine has."""
        task = self._tasks.get(request["task_id"])
        if task is None or task.spaces is None:
            raise Refused("NotRunning", f"there is no task {request['task_id']}")
        containers_ = {name: usage.of_container(self._cgroups, task.task_id, name) for name in task.containers}
        counters = {}
        for name in containers_:
            with self._inside(task.spaces.of(name)):
                counters[name] = usage.of_network(rules.OUTSIDE)
        cpus, system = usage.of_machine()
        return {"cpus": cpus, "system": system, "containers": containers_, "networks": counters}

    async def execute(self, request: Message) -> Message:
        """Run a program inside a container that runs; its exit code and output."""
        container = self._find(request["task_id"], request["name"])
        if container is None or not container.running:
            raise Refused("NotRunning", f"the container {request['name']} does not run")
        code, output = await self._run_inside(
            request["task_id"], container, request["argv"], dict(request["environment"]), request["timeout"]
        )
        return {"exit_code": code, "output": output.decode(errors="replace")}

    async def attach(self, request: Message) -> tuple[Message, int, int]:
        """Run a program inside a container that runs, its streams in the caller's hands."""
        container = self._find(request["task_id"], request["name"])
        if container is None or not container.running:
            raise Refused("NotRunning", f"the container {request['name']} does not run")
        own = container.program
        environment = {**own.environment, **dict(request["environment"])}
        program = replace(own, argv=request["argv"], environment=environment)
        joins = self._cgroups.joins(request["task_id"], container.seen.name)
        return await self.guests.attach(container.seen.pid, program, joins, request["terminal"])

    async def end_all(self) -> None:
        """Remove every task; for the supervisor's own end."""
        await asyncio.gather(*(self.remove({"task_id": task_id}) for task_id in list(self._tasks)))

    def _notify(self, task_id: str) -> None:
        """Something of the task changed: mark it as changed, then say so."""
        task = self._tasks.get(task_id)
        if task is not None:
            task.revision = next(self._revisions)
        self._tell(task_id)

    async def _build(self, task: Task, request: Message) -> None:
        task.hostname = request["hostname"]
        task.hosts = [(address, name) for address, name in request["hosts"]]
        if self._settings.ranges:
            task.slot = users.free_slot({each.slot for each in self._tasks.values()}, self._settings.instance)
        ids = prepared.ids_of(self._settings, task)
        task.spaces = self._wanted(task, request)
        records.begin(self._settings.state, task.task_id, self._last_offset)
        self._cgroups.make_task(task.task_id, Limits(**request["limits"]))
        further = partial(users.namespace, ids) if ids is not None else None
        task.users = await namespaces.make(task.spaces, self._children, _table(task), further)
        keeper = pause.Keeper(self._settings.workshop, ids, task.users, self._settings.userns)
        memory = volumes.shared_memory(self._settings.state, task.task_id)
        await pause.make(task.shared, pause.Wanted(**request["shares"]), self._children, keeper, memory)

    def _wanted(self, task: Task, request: Message) -> Namespaces:
        """The task's namespaces with addresses and host ports of their own. Refused, and then nothing is held."""
        offsets = self._free_offsets(namespaces.count(request))
        spaces = namespaces.wanted(request, self._settings.addresses, offsets)
        spaces.bindings = self._ports.claim(task.task_id, request["published"])
        return spaces

    async def _start(self, task: Task, name: str, request: Message) -> None:
        directory = records.directory(self._settings.state, task.task_id, name)
        program, blueprint = prepared.plans(self._settings, task, request)
        identifier = containers.runtime_id(task.task_id, name)
        origin = {key: request[key] for key in ("stop_signal", "attempt", "image_digest")}
        seen = Seen(name, identifier, **origin)
        names = prepared.names_of(task, request["settings"])
        way = prepared.way_of(self._settings, task, request, identifier)
        container = Container(directory, seen, program, lambda: self._notify(task.task_id), names=names, way=way)
        joins = self._cgroups.make_container(task.task_id, name, Limits(**request["limits"]))
        former = task.containers.get(name)
        task.containers[name] = container
        try:
            await containers.run(
                container,
                self._children,
                blueprint,
                _place(task, name, joins, own=request["mapped"]),
                lambda: self._cgroups.ran_out_of_memory(task.task_id, name),
            )
        except Refused:
            if former is None:
                del task.containers[name]
            else:
                task.containers[name] = former
            raise
        if request["health_check"]:
            self._check_health(task.task_id, container, health.HealthCheck(**request["health_check"]))

    def _check_health(self, task_id: str, container: Container, check: health.HealthCheck) -> None:
        async def run(argv: list[str], within: float) -> int:
            return (await self._run_inside(task_id, container, argv, {}, within))[0]

        def note(verdict: str) -> None:
            if container.running and container.seen.health != verdict:
                container.note(health=verdict)

        if container.running:
            container.health_check = asyncio.create_task(health.watch(check, run, note))

    async def _run_inside(
        self, task_id: str, container: Container, argv: list[str], environment: dict[str, str], within: float | None
    ) -> tuple[int, bytes]:
        own = container.program
        program = replace(own, argv=argv, environment={**own.environment, **environment})
        joins = self._cgroups.joins(task_id, container.seen.name)
        return await containers.execute(container, self._children, program, joins, within)

    async def _dismantle(self, task: Task) -> None:
        gone, task.spaces = task.spaces, None
        if gone is not None:
            await namespaces.unmake(gone, self._children, _table(task))
        await pause.unmake(task.shared)
        self._ports.release(task.task_id)
        if task.users is not None:
            os.close(task.users)
            task.users, task.slot = None, -1
        self._cgroups.remove_task(task.task_id)
        volumes.discard(self._settings.state, task.task_id)

    def _prepared(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None or task.spaces is None:
            raise Refused("CannotStart", f"the task {task_id} has no network: it was not prepared")
        return task

    def _find(self, task_id: str, name: str) -> Container | None:
        task = self._tasks.get(task_id)
        return task.containers.get(name) if task else None

    def _restore(self, task_id: str, seen: list[dict[str, Any]]) -> dict[str, Container]:
        restored = {}
        for record in seen:
            directory = records.directory(self._settings.state, task_id, record["name"])
            program = process.Program([], {}, "/", "")
            restored[record["name"]] = Container(directory, Seen(**record), program, lambda: self._notify(task_id))
        return restored

    @contextmanager
    def _inside(self, namespace: int) -> Iterator[None]:
        """In another network namespace, with nothing awaited there, and back home."""
        syscalls.setns(namespace, syscalls.CLONE_NEWNET)
        try:
            yield
        finally:
            syscalls.setns(self._home, syscalls.CLONE_NEWNET)

    def _free_offsets(self, count: int) -> list[int]:
        """Addresses as long unused as can be: proxies elsewhere may still know their former owners."""
        offsets = self._settings.addresses.tasks()
        used = namespaces.offsets_of(task.spaces for task in self._tasks.values() if task.spaces)
        begin = offsets.index(self._last_offset) + 1 if self._last_offset in offsets else 0
        free = (each for each in (*offsets[begin:], *offsets[:begin]) if each not in used)
        chosen = list(islice(free, count))
        if len(chosen) < count:
            raise Refused("CannotStart", f"every address of {self._settings.addresses.pool} is taken")
        self._last_offset = chosen[-1] if chosen else self._last_offset
        return chosen


def _network_of(task: Task) -> Message:
    """What is told of the task's network; its address is null while there is none."""
    nothing: Message = {"address": None, "host_address": "", "addresses": {}, "bindings": []}
    return task.spaces.describe() if task.spaces else nothing


def _namespace(task: Task, container: str) -> int:
    """A descriptor of the network namespace that the container is in."""
    if task.spaces is None:
        raise Refused("CannotStart", f"the task {task.task_id} has no network: it was not prepared")
    return task.spaces.of(container)


def _place(task: Task, container: str, joins: list[str], *, own: bool) -> process.Place:
    """Where a container lives. `own`: it is one of the definition; the proxy keeps to itself in all but the network."""
    network_ = _namespace(task, container)
    if not own:
        return process.Place(network_, joins)
    return process.Place(network_, joins, task.users, task.shared.processes, task.shared.ipc)


def _table(task: Task) -> str:
    """The name of the rules that publish the task's ports."""
    return f"task-{task.task_id}"
