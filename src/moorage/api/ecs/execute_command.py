"""ExecuteCommand: grants a session for a program in a running container. The session's stream is `data_channel`'s.

A task must have been started with enableExecuteCommand, as in ECS; there is no agent that would have to be up.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import present_task, references
from moorage.api.exec_sessions import Sessions
from moorage.api.support_table import Supported
from moorage.domain import arns
from moorage.domain.errors import InvalidParameter, TaskNotFound
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.wire.faults import reject

NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)
NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."


def operations(sessions: Sessions) -> Mapping[str, Supported]:
    """The rows of the support table, over the sessions that the daemon keeps."""

    async def execute_command(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
        return _execute(sessions, ctx, arguments)

    return {"ExecuteCommand": Supported(execute_command, real="cluster task container command interactive")}


def check_role(
    definition: TaskDefinition, recorded: Mapping[str, Any], overrides: Mapping[str, Any], what: str
) -> None:
    """ECS lets nobody enable ExecuteCommand without a task role: the agent in the task would act under it."""
    enabled = recorded.get("enableExecuteCommand", False)
    if enabled and not (overrides.get("taskRoleArn") or definition.document.get("taskRoleArn")):
        raise InvalidParameter(
            f"The {what} because a valid taskRoleArn is not being used. Specify a valid task role in your task "
            "definition and try again."
        )


def _execute(sessions: Sessions, ctx: RequestContext, arguments: Mapping[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    task = references.task(ctx, world, cluster, arguments["task"])
    if task is None:
        raise TaskNotFound(arguments["task"])
    if not arguments["interactive"]:
        raise InvalidParameter("Interactive is the only mode supported currently.")
    if not task.recorded.get("enableExecuteCommand"):
        error = InvalidParameter(NOT_ENABLED)
        error.hint = "Set enableExecuteCommand on the service or task, and a taskRoleArn on its task definition."
        raise error
    argv = _argv(arguments["command"])
    container = _container(world, task, arguments.get("container"))
    session = sessions.grant(task.id, container, argv)
    return {
        "clusterArn": arns.cluster(task.account, task.region, task.cluster),
        "containerArn": present_task.container_arn(task, container),
        "containerName": container,
        "interactive": True,
        "session": {"sessionId": session.id, "streamUrl": sessions.url(session), "tokenValue": session.token},
        "taskArn": task.arn,
    }


def _argv(command: str) -> tuple[str, ...]:
    """Words as a shell would split them; no shell runs them."""
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidParameter(f"The command cannot be split into words: {error}.") from error
    if not argv:
        raise InvalidParameter("command cannot be empty.")
    return argv


def _container(world: World, task: Task, asked: str | None) -> str:
    """The one that is named, or the only one; it must run."""
    definition = world.get(TaskDefinition, task.task_definition)
    names = [each.name for each in definition.containers] if definition is not None else []
    if asked is None and len(names) != 1:
        raise InvalidParameter("A container name is required for a task with multiple containers.")
    name = asked if asked is not None else names[0]
    if name not in names:
        raise InvalidParameter(f"The container {name} was not found in the task.")
    state = world.get(TaskState, task.key)
    seen = state.container(name) if state is not None else None
    if seen is None or seen.status != "RUNNING":
        error = reject("TargetNotConnectedException", NOT_CONNECTED, hint=f"The container {name} does not run.")
        raise error
    return name
