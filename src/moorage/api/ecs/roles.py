"""Whether the roles that a call gives to a task can be had. What makes them fit is `domain/task_role`'s."""

from collections.abc import Mapping
from typing import Any

from moorage.api.context import RequestContext
from moorage.domain import task_role
from moorage.domain.errors import ClientMistake
from moorage.domain.task_definition import TaskDefinition
from moorage.engine import task_roles
from moorage.engine.ports import Unavailable
from moorage.wire.faults import reject


async def check(ctx: RequestContext, definition: TaskDefinition, overrides: Mapping[str, Any]) -> None:
    """ClientMistake in ECS's words if a role is missing or does not trust ECS; Rejected if IAM cannot be asked."""
    roles = task_role.of(definition, overrides)
    try:
        reason = await task_roles.refusal(ctx.operations, ctx.account, ctx.region, roles)
    except Unavailable as error:
        raise reject("ServerException", f"IAM could not be asked for the task's roles: {error}", 500) from error
    if reason:
        raise ClientMistake(reason)
