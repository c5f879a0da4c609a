"""Sees to the log groups of a task before its first container: one that is missing is made, or the task cannot start.

Which groups a task has is `planning/log_sinks`' decision; streams and lines are `log_shipping`'s.
"""

from moorage.domain.service import Deployment
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import OperationFailed, Operations, Unavailable
from moorage.engine.task_secrets import CannotInitialize
from moorage.planning import log_sinks
from moorage.planning.log_sinks import LogGroup

ON_FARGATE = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to "
    "create Cloudwatch log stream: {why} : exit status 1"
)
ON_AN_INSTANCE = (
    "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create "
    "Cloudwatch log stream: {why}"
)
"""ECS's sentences (developer guide, "Stopped tasks error messages"; the second is Docker's)."""


class TaskLogGroups:
    """Asks through the Operations port, as the task's own account. Raises CannotInitialize, Unavailable."""

    def __init__(self, operations: Operations | None) -> None:
        self._operations = operations

    async def check(self, task: Task, definition: TaskDefinition, deployment: Deployment | None) -> None:
        """Nothing, if every group is there or could be made."""
        for group in log_sinks.groups(task, definition, deployment):
            try:
                await self._see_to(task, group)
            except OperationFailed as error:
                if error.status >= 500:
                    raise Unavailable(f"CloudWatch Logs does not answer: {error.message}") from error
                sentence = ON_FARGATE if task.launch_type == "FARGATE" else ON_AN_INSTANCE
                raise CannotInitialize(sentence.format(why=f"{error.code}: {error.message}")) from error

    async def _see_to(self, task: Task, group: LogGroup) -> None:
        if self._operations is None:
            raise Unavailable("there is nobody to ask for log groups")
        named = {"logGroupName": group.name}
        if not group.create:
            await self._operations.call(task.account, group.region, "logs", "DescribeLogStreams", {**named, "limit": 1})
            return
        try:
            await self._operations.call(task.account, group.region, "logs", "CreateLogGroup", named)
        except OperationFailed as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
