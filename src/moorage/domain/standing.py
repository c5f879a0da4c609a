"""Look-ups that follow from several records at once: where a task stands (Task, TaskState) and a service (Service,
ServiceProgress, its PRIMARY Deployment).

Kept by the World with every commit, so that lists and counts cost what they give and not what is stored. What each
entry means is said here, once; who asks is the API's and the planners' business.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from moorage.domain.changes import Key, Link
from moorage.domain.service import Deployment, Service, ServiceProgress, deployment_key
from moorage.domain.service_rules import EC2
from moorage.domain.task import STARTING, Status, Task, TaskState, desired_status, stop_of

R = TypeVar("R")


class Records(Protocol):
    """What is stored at one moment."""

    def get(self, kind: type[R], key: Key) -> R | None: ...


@dataclass(frozen=True)
class Standing:
    """Look-ups of `subject` records; `links` gives those of the record under a key, none where there is no record."""

    subject: type[Any]
    links: Callable[[Records, Key], Iterator[Link]]


def _of_task(records: Records, key: Key) -> Iterator[Link]:
    task = records.get(Task, key)
    if task is None:
        return
    state = records.get(TaskState, key)
    yield from _desired(task, desired_status(task, state))
    live = stop_of(task, state) is None
    if state is not None and state.status is Status.RUNNING:
        yield from _counted(task, "running")
    elif live and (state is None or state.status in STARTING):
        yield from _counted(task, "pending")
    if live and task.deployment_key is not None:
        yield ("deployment-wanted", task.deployment_key)
    there = live if state is None else state.status is not Status.STOPPED
    if state is None or state.status is not Status.STOPPED:
        yield ("live", key[:3])
    if there and task.launch_type == EC2:
        yield ("placed", key[:3])
        yield ("placed-group", (*key[:3], task.group))


def _desired(task: Task, status: str) -> Iterator[Link]:
    """What ListTasks filters by, each with the desired status: it always filters by that."""
    place = task.key[:3]
    yield ("desired", (*place, status))
    yield ("desired-family", (*place, task.task_definition[2], status))
    yield ("desired-launch", (*place, task.launch_type, status))
    yield ("desired-starter", (*place, task.started_by, status))
    if task.service_key is not None:
        yield ("desired-service", (*task.service_key, status))


def _counted(task: Task, count: str) -> Iterator[Link]:
    """`cluster-running`, `service-pending` and so on: what clusters, services and deployments show."""
    yield (f"cluster-{count}", task.key[:3])
    yield (f"launch-{count}", (*task.key[:3], task.launch_type))
    if task.service_key is not None:
        yield (f"service-{count}", task.service_key)
    if task.deployment_key is not None:
        yield (f"deployment-{count}", task.deployment_key)


def _of_service(records: Records, key: Key) -> Iterator[Link]:
    """An INACTIVE service is in no list."""
    service = records.get(Service, key)
    progress = records.get(ServiceProgress, key)
    if service is None or (progress is not None and progress.inactive_at is not None):
        return
    primary = records.get(Deployment, deployment_key(key, service.deployment_id))
    launch_type = primary.launch_type if primary is not None else ""
    place = key[:3]
    yield ("listed", place)
    yield ("listed-launch", (*place, launch_type))
    yield ("listed-strategy", (*place, service.scheduling_strategy))
    if service.deleted_at is None:
        yield ("active", place)
    yield ("launch-draining" if service.deleted_at else "launch-active", (*place, launch_type))
    if primary is not None and primary.namespace_id is not None:
        yield ("listed-namespace", (*key[:2], primary.namespace_id))


TASK: Final = Standing(Task, _of_task)
SERVICE: Final = Standing(Service, _of_service)

AFFECTED: Final[Mapping[str, tuple[Standing, Callable[[Key], Key]]]] = {
    Task.table: (TASK, lambda key: key),
    TaskState.table: (TASK, lambda key: key),
    Service.table: (SERVICE, lambda key: key),
    ServiceProgress.table: (SERVICE, lambda key: key),
    Deployment.table: (SERVICE, lambda key: key[:4]),
}
"""By table: whose standing a record has a say in, and the key of that one."""
