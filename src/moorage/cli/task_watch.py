"""The tasks of the ECS services that a deployment is at work on: what became of each since the last look."""

from collections.abc import Iterator
from typing import Any, Final

from moorage.cli import lookup
from moorage.cli.aws import Aws, Refusal
from moorage.cli.event import TASK, Event
from moorage.cli.lookup import TaskLine
from moorage.system import SystemClock

SERVICE: Final = "AWS::ECS::Service"
PLANNED: Final = "ServiceSchedulerInitiated"


class TaskWatch:
    """Told of resource events by `heed`; `changes` asks ECS and yields one event for each change of a task."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._since = SystemClock().now()
        self._watched: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    def heed(self, event: Event) -> None:
        """Watch a service while it is in progress, and once more when it has come to rest."""
        if event.kind == SERVICE and event.physical_id.startswith("arn:"):
            self._watched[event.physical_id] = event.name

    def changes(self) -> Iterator[Event]:
        for arn, parent in self._watched.items():
            for task in self._tasks(arn):
                status = task.status if task.health == "UNKNOWN" else f"{task.status} {task.health}"
                if self._shown.get(task.id) != status:
                    self._shown[task.id] = status
                    yield _event(task, status, parent)

    def _tasks(self, arn: str) -> list[TaskLine]:
        cluster, service = arn.split("/")[-2:]
        try:
            known = lookup.remembered(self._aws, cluster, service)
        except Refusal:
            return []  # the service or its cluster has just been deleted
        return [task for task in known if task.status != "STOPPED" or task.id in self._shown or self._is_news(task)]

    def _is_news(self, task: TaskLine) -> bool:
        """A task may have come and gone between two looks; one that had stopped before is an older story."""
        return task.created_at is not None and task.created_at >= self._since


def _event(task: TaskLine, status: str, parent: str) -> Event:
    return Event(SystemClock().now(), status, TASK, task.id, task.id, _reason(task.document), parent)


def _reason(document: dict[str, Any]) -> str:
    """Why it stopped: the task's own reason, and the container's where that says more. Nothing when it was planned."""
    if document.get("stopCode") == PLANNED:
        return ""
    reasons = [document.get("stoppedReason", "")]
    reasons += [container.get("reason", "") for container in document.get("containers", [])]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))
