"""What the next steps of one task are planned from, and what may come of it: values only.

A Situation is everything that was seen of a task at one moment; Steps are its new state, what to do, and when to look
again. How the one follows from the other is in `containers`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.planning.actions import TaskObservation
from moorage.planning.sidecar import Proxy


@dataclass(frozen=True)
class Patience:
    """How long to wait at most: for other proxies to let go, for requests in flight, for SIGTERM to do its work.

    `listen`: for a task without health check to listen on the ports that it exposes; zero is what ECS does, which
    sends to it as soon as it is RUNNING (decision 0007). `steady`: for a service's task that neither has a health check
    nor exposes a port, from RUNNING until it counts as healthy (decision 0206).
    """

    acknowledgement: timedelta = timedelta(seconds=5)
    drain: timedelta = timedelta(seconds=20)
    stop: timedelta = timedelta(seconds=30)
    proxy_stop: timedelta = timedelta(seconds=5)
    start: timedelta = timedelta(minutes=3)
    listen: timedelta = timedelta(seconds=60)
    steady: timedelta = timedelta(0)


@dataclass(frozen=True)
class Situation:
    """All that the next steps of a task depend on.

    `proxy_ready`, `in_flight` (None: it does not say) and `refused` are what the proxy told; `holding` are the tasks
    whose proxies have not acknowledged that this task's address is gone; `listening` are the ports that its programs
    listen on; `registered`: Cloud Map still tells of it.
    """

    task: Task
    state: TaskState
    definition: TaskDefinition
    proxy: Proxy | None
    observation: TaskObservation | None
    now: datetime
    patience: Patience = Patience()
    proxy_ready: bool = False
    in_flight: int | None = None
    holding: frozenset[str] = frozenset()
    listening: frozenset[int] = frozenset()
    refused: tuple[str, ...] = ()
    registered: bool = False


@dataclass(frozen=True)
class Prepare:
    """Make the task's network."""


@dataclass(frozen=True)
class Start:
    """Start a container (the proxy is one)."""

    container: str


@dataclass(frozen=True)
class Signal:
    """Send SIGTERM, or SIGKILL when `kill`."""

    container: str
    kill: bool = False


@dataclass(frozen=True)
class Drain:
    """Ask the proxy to drain its inbound listeners."""


@dataclass(frozen=True)
class Remove:
    """Take away what is left of the task."""


@dataclass(frozen=True)
class Forget:
    """The task has been described as STOPPED for long enough: delete its records."""


Action = Prepare | Start | Signal | Drain | Remove | Forget


@dataclass(frozen=True)
class Steps:
    """The task's new state, what to do now, and when to look again at the latest; None: when something changes."""

    state: TaskState
    actions: tuple[Action, ...]
    wake: timedelta | None
