"""Asks IAM whether the roles of a task can be had: a task whose role is missing or does not trust ECS cannot start.

What makes a role fit is `domain/task_role`'s; what becomes of the task, or of the call that wanted it, the caller's.
"""

from collections.abc import Iterable

from moorage.domain import task_role
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import OperationFailed, Operations, Unavailable
from moorage.engine.task_secrets import CannotInitialize


class TaskRoles:
    """Asks through the Operations port before a task's first container. Raises CannotInitialize, Unavailable."""

    def __init__(self, operations: Operations | None) -> None:
        self._operations = operations

    async def check(self, task: Task, definition: TaskDefinition) -> None:
        """Nothing, if the task needs no role or all of its roles can be had."""
        roles = task_role.of(definition, task.overrides)
        if not roles:
            return
        if self._operations is None:
            raise Unavailable("there is nobody to ask for GetRole of iam")
        if reason := await refusal(self._operations, task.account, task.region, roles):
            raise CannotInitialize(reason)


async def refusal(operations: Operations, account: str, region: str, roles: Iterable[str]) -> str:
    """ECS's sentence for the first role that it cannot act under; empty if all can be had. Unavailable."""
    for role in roles:
        arn = task_role.arn(role, account)
        if not await _fits(operations, account, region, arn):
            return task_role.sentence(arn)
    return ""


async def _fits(operations: Operations, account: str, region: str, arn: str) -> bool:
    name = task_role.name(arn, account)
    if not name:
        return False
    try:
        found = (await operations.call(account, region, "iam", "GetRole", {"RoleName": name}))["Role"]
    except OperationFailed as error:
        if error.status >= 500:
            raise Unavailable(f"IAM does not answer GetRole: {error.message}") from error
        return False
    return bool(found["Arn"] == arn) and task_role.trusts(found["AssumeRolePolicyDocument"])
