"""Task and TaskState: what shall run, and what was seen of it. The lifecycle is the table TRANSITIONS.

A Task is written by `engine/services` and by RunTask and StopTask; a TaskState by `engine/tasks` alone.
The words are those of the ECS task lifecycle (Amazon ECS developer guide, "Task lifecycle").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from moorage.domain import arns
from moorage.domain.changes import Key, Link


class Status(StrEnum):
    """`lastStatus` of a task."""

    PROVISIONING = "PROVISIONING"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    DEPROVISIONING = "DEPROVISIONING"
    STOPPED = "STOPPED"


class Step(StrEnum):
    """What moves a task from one status to the next."""

    NETWORK_READY = "network ready"
    CONTAINERS_RUNNING = "every container that shall run does"
    ASKED_TO_STOP = "asked to stop"
    ESSENTIAL_EXITED = "an essential container exited"
    COULD_NOT_START = "could not be started"
    PROXIES_AGREED = "every proxy that knew it has let go, or the wait is over"
    ALL_EXITED = "all containers have exited"
    NETWORK_GONE = "its network is gone"


TRANSITIONS: Final[Mapping[Status, Mapping[Step, Status]]] = {
    Status.PROVISIONING: {
        Step.NETWORK_READY: Status.PENDING,
        Step.ASKED_TO_STOP: Status.DEPROVISIONING,
        Step.COULD_NOT_START: Status.DEPROVISIONING,
    },
    Status.PENDING: {
        Step.CONTAINERS_RUNNING: Status.RUNNING,
        Step.ASKED_TO_STOP: Status.STOPPING,
        Step.ESSENTIAL_EXITED: Status.STOPPING,
        Step.COULD_NOT_START: Status.STOPPING,
    },
    Status.RUNNING: {
        Step.ASKED_TO_STOP: Status.DEACTIVATING,
        Step.ESSENTIAL_EXITED: Status.STOPPING,
    },
    # Out of the registry; no SIGTERM until the proxies that knew the task have acknowledged its removal.
    Status.DEACTIVATING: {
        Step.PROXIES_AGREED: Status.STOPPING,
        Step.ESSENTIAL_EXITED: Status.STOPPING,
    },
    Status.STOPPING: {Step.ALL_EXITED: Status.DEPROVISIONING},
    # The network stays until the proxies have let go: a connection to a vanished address hangs, to a closed port fails.
    Status.DEPROVISIONING: {Step.NETWORK_GONE: Status.STOPPED},
    Status.STOPPED: {},
}

STARTING: Final = frozenset({Status.PROVISIONING, Status.PENDING})
ENDING: Final = frozenset({Status.DEACTIVATING, Status.STOPPING, Status.DEPROVISIONING, Status.STOPPED})


class StopCode(StrEnum):
    TASK_FAILED_TO_START = "TaskFailedToStart"
    ESSENTIAL_CONTAINER_EXITED = "EssentialContainerExited"
    USER_INITIATED = "UserInitiated"
    SERVICE_SCHEDULER_INITIATED = "ServiceSchedulerInitiated"


@dataclass(frozen=True)
class Stop:
    """Why a task stops, in ECS's words."""

    code: StopCode
    reason: str
    at: datetime


@dataclass(frozen=True)
class Task:
    """A task that shall run until `stop` is set. `deployment_id` is None for a standalone task.

    Until `protected_until` neither scaling nor a deployment stops it.
    """

    table: ClassVar[str] = "task"

    account: str
    region: str
    cluster: str
    id: str
    created_at: datetime
    task_definition: Key
    group: str
    launch_type: str
    service: str | None = None
    deployment_id: str | None = None
    started_by: str = ""
    platform_version: str | None = None
    availability_zone: str = ""
    subnet: str = ""
    capacity_provider: str = ""
    vpc: str = ""
    network: dict[str, Any] | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    recorded: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    stop: Stop | None = None
    protected_until: datetime | None = None

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.cluster, self.id)

    @property
    def arn(self) -> str:
        return arns.task(self.account, self.region, self.cluster, self.id)

    def is_protected(self, now: datetime) -> bool:
        return self.protected_until is not None and now < self.protected_until

    @property
    def service_key(self) -> Key | None:
        return None if self.service is None else (self.account, self.region, self.cluster, self.service)

    @property
    def deployment_key(self) -> Key | None:
        if self.service is None or self.deployment_id is None:
            return None
        return (self.account, self.region, self.cluster, self.service, self.deployment_id)

    def links(self) -> tuple[Link, ...]:
        links: list[Link] = [("cluster", (self.account, self.region, self.cluster)), ("id", (self.id,))]
        if self.service is not None:
            links.append(("service", (self.account, self.region, self.cluster, self.service)))
        if self.deployment_key is not None:
            links.append(("deployment", self.deployment_key))
        links.append(("task_definition", self.task_definition))
        return tuple(links)


@dataclass(frozen=True)
class PortBinding:
    """Ports of a container that are reached at ports of the container instance, `size` of them in a row.

    `host_port` 0: the runtime chooses. `ranged`: the task definition named a range, and callers read it as one.
    """

    container: str
    container_port: int
    host_port: int
    protocol: str = "tcp"
    size: int = 1
    ranged: bool = False


@dataclass(frozen=True)
class ContainerState:
    """What was seen of one container. `status` is PENDING, RUNNING or STOPPED, as DescribeTasks has it.

    `restarts` is how often it was to be started again within its task.
    `address` is its own, in the network modes in which the containers of a task do not share one.
    `image_digest` is that of the image which it was started from.
    """

    name: str
    status: str = "PENDING"
    runtime_id: str = ""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    exit_code: int | None = None
    reason: str = ""
    health: str = "UNKNOWN"
    asked_to_stop_at: datetime | None = None
    restarts: int = 0
    address: str = ""
    image_digest: str = ""


@dataclass(frozen=True)
class TaskState:
    """What was seen of a task, and since when. `stop` is a cause that was observed: an exit, a failure to start.

    `healthy_at` is when the task first counted as healthy; `health` is that of its essential containers. `waiting` is
    what it waits for, in a clause, since `waiting_since`; `refused` is what its proxy refused of its configuration.
    `address` is the task's own: None before its network is made, "" where it has none (bridge and none). `host_address`
    is the container instance's, at which the `bindings` lead to the task's containers (bridge).
    """

    table: ClassVar[str] = "task_state"

    account: str
    region: str
    cluster: str
    id: str
    status: Status = Status.PROVISIONING
    version: int = 1
    address: str | None = None
    containers: tuple[ContainerState, ...] = ()
    health: str = "UNKNOWN"
    healthy_at: datetime | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    deactivating_at: datetime | None = None
    stopping_at: datetime | None = None
    drained_at: datetime | None = None
    deprovisioning_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None
    stop: Stop | None = None
    waiting: str = ""
    waiting_since: datetime | None = None
    refused: tuple[str, ...] = ()
    host_address: str = ""
    bindings: tuple[PortBinding, ...] = ()

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.cluster, self.id)

    @property
    def reached_at(self) -> str:
        """The address that neighbours connect to: the task's own, else its container instance's."""
        return self.address or self.host_address

    def links(self) -> tuple[Link, ...]:
        own = (self.address, *(container.address for container in self.containers))
        return tuple(("address", (address,)) for address in own if address)

    def host_port(self, container: str, port: int, protocol: str = "tcp") -> int:
        """The instance's port that leads to the container's; 0 when none does (yet)."""
        for binding in self.bindings:
            offset = port - binding.container_port
            if (binding.container, binding.protocol) == (container, protocol) and 0 <= offset < binding.size:
                return binding.host_port + offset
        return 0

    def container(self, name: str) -> ContainerState | None:
        return next((container for container in self.containers if container.name == name), None)


def stop_of(task: Task, state: TaskState | None) -> Stop | None:
    """Why the task stops, if it does: what was observed first wins over what was asked afterwards."""
    causes = [stop for stop in (task.stop, state.stop if state else None) if stop is not None]
    return min(causes, key=lambda stop: stop.at) if causes else None


def is_ending(task: Task, state: TaskState | None) -> bool:
    """True when the task shall not serve any longer."""
    return stop_of(task, state) is not None or (state is not None and state.status in ENDING)


def desired_status(task: Task, state: TaskState | None) -> str:
    """RUNNING until something stops the task: a request, the scheduler, or its own end."""
    stopped = stop_of(task, state) is not None or (state is not None and state.status is Status.STOPPED)
    return "STOPPED" if stopped else "RUNNING"
