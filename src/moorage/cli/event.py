"""Event: one step of a deployment's story, of a resource or of a task, as `progress` shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

TASK: Final = "task"


@dataclass(frozen=True)
class Event:
    """`kind` is the resource type, or "task"; then `name` is the task's id and `parent` the service's logical id."""

    at: datetime
    status: str
    kind: str
    name: str
    physical_id: str
    reason: str
    parent: str = ""
