"""How a container is furnished: volumes, memory file systems, limits, kernel parameters, names, an init, a terminal.

Read from the container definition and the volumes of its task definition; their rules are in `domain.container_rules`.
A runtime makes each as Docker does it for the parameter that the ECS API reference says it maps to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moorage.domain import sharing_rules

Document = Mapping[str, Any]

DEFAULT_SHARED_MEMORY = 64
"""MiB of /dev/shm that container engines give."""

TASK, SHARED = "task", "shared"
"""The two scopes of a volume: it ends with its task, or it outlives all of them."""


@dataclass(frozen=True)
class VolumeMount:
    """A volume of the task at a path of the container; `scope` is TASK or SHARED."""

    volume: str
    scope: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class MemoryMount:
    """A tmpfs at a path of the container: its size in MiB and its mount options by their names."""

    target: str
    size: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogRoute:
    """What the container writes goes to its task's log router, too: by this tag, with so many records waiting."""

    tag: str
    limit: int


@dataclass(frozen=True)
class ResourceLimit:
    """A ulimit by the name that ECS gives it (`nofile`); -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True)
class Shares:
    """What the containers of a task share: one process namespace, one IPC namespace with a /dev/shm of so many MiB."""

    processes: bool = False
    ipc: bool = False
    memory: int = DEFAULT_SHARED_MEMORY


@dataclass(frozen=True)
class ContainerSettings:
    """All of it. `hosts` are (address, name) pairs behind the task's own; empty `dns_servers`: the task's resolver.

    `shared_memory` is in MiB; 0: the container has no /dev/shm. `routes_logs`: it is the task's log router.
    """

    volumes: tuple[VolumeMount, ...] = ()
    memory: tuple[MemoryMount, ...] = ()
    shared_memory: int = DEFAULT_SHARED_MEMORY
    limits: tuple[ResourceLimit, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    hostname: str | None = None
    hosts: tuple[tuple[str, str], ...] = ()
    dns_servers: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    init: bool = False
    stdin: bool = False
    terminal: bool = False
    log_route: LogRoute | None = None
    routes_logs: bool = False


PLAIN = ContainerSettings()
ALONE = Shares()


def shares(definition: Document) -> Shares:
    """What the task definition says is shared; of the sizes that its containers ask for, /dev/shm has the largest."""
    return Shares(
        processes=definition.get("pidMode") == sharing_rules.TASK,
        ipc=definition.get("ipcMode") == sharing_rules.TASK,
        memory=max(_shared_memory(each) for each in definition["containerDefinitions"]),
    )


def read(container: Document, definition: Document) -> ContainerSettings:
    """What the container's definition says, in the task definition that it is of."""
    linux = container.get("linuxParameters", {})
    return ContainerSettings(
        volumes=tuple(_volumes(container, definition)),
        memory=tuple(
            MemoryMount(each["containerPath"], each["size"], tuple(each.get("mountOptions", ())))
            for each in linux.get("tmpfs", ())
        ),
        shared_memory=0 if definition.get("ipcMode") == sharing_rules.NONE else _shared_memory(container),
        limits=tuple(
            ResourceLimit(each["name"], each["softLimit"], each["hardLimit"]) for each in container.get("ulimits", ())
        ),
        sysctls=tuple(_sysctls(container)),
        hostname=container.get("hostname"),
        hosts=tuple((each["ipAddress"], each["hostname"]) for each in container.get("extraHosts", ())),
        dns_servers=tuple(container.get("dnsServers", ())),
        dns_search=tuple(container.get("dnsSearchDomains", ())),
        init=linux.get("initProcessEnabled", False),
        stdin=container.get("interactive", False),
        terminal=container.get("pseudoTerminal", False),
    )


def _shared_memory(container: Document) -> int:
    size: int = container.get("linuxParameters", {}).get("sharedMemorySize", DEFAULT_SHARED_MEMORY)
    return size


def _volumes(container: Document, definition: Document) -> Iterator[VolumeMount]:
    """The container's own mounts, and those of the containers that it mounts from, each at the same path."""
    scopes = {volume["name"]: _scope(volume) for volume in definition.get("volumes", ())}
    taken: set[str] = set()
    for mount, read_only in _mounts(container, definition):
        if mount["containerPath"] not in taken:
            taken.add(mount["containerPath"])
            name = mount["sourceVolume"]
            yield VolumeMount(name, scopes[name], mount["containerPath"], read_only)


def _mounts(container: Document, definition: Document) -> Iterator[tuple[Document, bool]]:
    for mount in container.get("mountPoints", ()):
        yield mount, mount.get("readOnly", False)
    others = {each["name"]: each for each in definition["containerDefinitions"]}
    for source in container.get("volumesFrom", ()):
        for mount, read_only in _mounts(others[source["sourceContainer"]], definition):
            yield mount, read_only or source.get("readOnly", False)


def _scope(volume: Document) -> str:
    scope: str = volume.get("dockerVolumeConfiguration", {}).get("scope", TASK)
    return scope


def _sysctls(container: Document) -> Iterator[tuple[str, str]]:
    """Those of the network hold for the whole task, whose namespace it is, whichever container sets them."""
    for each in container.get("systemControls", ()):
        yield each["namespace"], each["value"]
