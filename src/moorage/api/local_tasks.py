"""Finding tasks for the /_moorage routes: by id or an unambiguous beginning of it, over all accounts and regions."""

import signal
from typing import Any, Final

from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import Store

SIGKILL: Final = int(signal.SIGKILL)


class Refused(Exception):
    """A request to a /_moorage route that cannot be served: the HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Tasks:
    """The tasks of the World, as the routes ask for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, prefix: str) -> Task:
        """The one task whose id begins with `prefix`."""
        found = [task for task in self._store.snapshot().all(Task) if task.id.startswith(prefix)]
        if not found:
            raise Refused(404, f"There is no task {prefix}.")
        if len(found) > 1:
            raise Refused(400, f"{len(found)} tasks begin with {prefix}.")
        return found[0]

    def proxied(self) -> list[str]:
        """The ids of the tasks whose proxies are to hold a configuration, ordered; one that starts, if it is stuck."""
        states = self._store.snapshot().all(TaskState)
        return sorted(state.id for state in states if state.status is Status.RUNNING or state.refused)

    def waiting(self) -> list[dict[str, Any]]:
        """The tasks that wait for something, ordered by their ids."""
        states = sorted(self._store.snapshot().all(TaskState), key=lambda state: state.id)
        return [
            {"id": state.id, "since": state.waiting_since, "reason": state.waiting} for state in states if state.waiting
        ]

    def essential(self, task: Task) -> str:
        """The name of the task's first essential container."""
        definition = self._store.snapshot().get(TaskDefinition, task.task_definition)
        if definition is None:
            raise Refused(409, f"The task definition of task {task.id} is gone: name a container.")
        return next(container.name for container in definition.containers if container.essential)
