"""A task that was prepared, and what a container of it is made from: its program and the blueprint of its root.

From a request to values; what is done with them is in `tasks` and `process`. Volumes get their directories here.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from moorage.runtime.supervisor import furnish, hosts, network, process, resolver, rootfs, users, volumes
from moorage.runtime.supervisor.containers import Container
from moorage.runtime.supervisor.forward import Route, Way
from moorage.runtime.supervisor.namespaces import Namespaces
from moorage.runtime.supervisor.pause import Shared
from moorage.runtime.supervisor.protocol import Message, Refused

LOG_SOCKETS = "/var/run"
"""Where a log router finds the directory of its socket (the ECS agent's place for it)."""


@dataclass
class Task:
    """A task that was prepared. `spaces` is None when a former supervisor's end took its namespaces away."""

    task_id: str
    hostname: str = ""
    hosts: list[tuple[str, str]] = field(default_factory=list)
    spaces: Namespaces | None = None
    slot: int = -1
    users: int | None = None
    """The namespace of its ids; None where ids cannot be mapped. As root `slot` is the range that it maps."""
    shared: Shared = field(default_factory=Shared)
    containers: dict[str, Container] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    revision: int = 0
    """Another number whenever something changes of what is told of the task, whichever supervisor counts."""


@dataclass(frozen=True)
class Settings:
    """What the supervisor was started with."""

    state: Path
    workshop: str
    root_size: int
    addresses: network.Addresses
    userns: bool
    instance: str = ""
    ranges: bool = False
    """Each task gets a range of ids of its own."""
    common: users.Ids | None = None
    """The ids that all tasks share, where an ordinary user was given some."""


def ids_of(settings: Settings, task: Task) -> users.Ids | None:
    """The ids of the task's containers, where they have a range."""
    return users.of_slot(task.slot) if settings.ranges else settings.common


def plans(settings: Settings, task: Task, request: Message) -> tuple[process.Program, process.Blueprint]:
    """What the request asks to be executed, and in what."""
    ids = ids_of(settings, task) if request["mapped"] else None
    if request["added"] and ids is None:
        why = "containers have no capabilities here (`moorage check` says what is needed for them)"
        raise Refused("CannotStart", f"the capability {', '.join(request['added'])} cannot be added: {why}")
    mounts = volumes.made(settings.state, task.task_id, ids, request["settings"]["volumes"])
    furniture = furnish.read(request["settings"], mounts, task.shared.memory if request["mapped"] else "")
    own = names_of(task, request["settings"])
    program = process.Program(
        request["argv"],
        {"HOSTNAME": own.hostname, **dict(request["environment"])},
        request["directory"],
        request["user"],
        frozenset(request["capabilities"]) if ids is not None else frozenset(),
        furniture.limits,
    )
    root = rootfs.Root(
        settings.workshop,
        request["image"],
        request["complete"],
        settings.root_size,
        _etc(task, request["name"], own, request["settings"]),
        tuple(_binds(settings, task, request, ids)),
        settings.userns,
        ids,
        furniture,
    )
    files = [process.WrittenFile(**file) for file in request["files"]]
    return program, process.Blueprint(program, root, own.hostname, files, request["read_only"])


def _binds(settings: Settings, task: Task, request: Message, ids: users.Ids | None) -> Iterator[tuple[str, str, bool]]:
    yield from request["binds"]
    if request["settings"]["routes_logs"]:
        yield str(volumes.sockets(settings.state, task.task_id, ids)), LOG_SOCKETS, True


def way_of(settings: Settings, task: Task, request: Message, identifier: str) -> Way | None:
    """Where what the container writes goes beside its file."""
    asked = request["settings"]["log_route"]
    if asked is None:
        return None
    route = Route(asked["tag"], asked["limit"], identifier, request["name"])
    return Way(route, volumes.sockets(settings.state, task.task_id, ids_of(settings, task)))


def names_of(task: Task, settings: Message) -> hosts.Own:
    """What a container is called, and the names that it has beside those of its task."""
    return hosts.Own(
        settings["hostname"] or task.hostname, tuple((address, name) for address, name in settings["hosts"])
    )


def hosts_file(task: Task, container: str, own: hosts.Own) -> str:
    """What the hosts file of a container of the task says now."""
    address = (task.spaces.address_of(container) if task.spaces else "") or "127.0.0.1"
    return hosts.text(address, own, task.hosts, hosts.knows_ipv6())


def _etc(task: Task, container: str, own: hosts.Own, settings: Message) -> dict[str, str]:
    """The files that name things: the container's own host name, its task's neighbours, who is asked for the rest."""
    return {
        "hostname": f"{own.hostname}\n",
        "hosts": hosts_file(task, container, own),
        "resolv.conf": resolver.resolv_conf(settings["dns_servers"], settings["dns_search"]),
    }
