"""GetTaskProtection and UpdateTaskProtection: a protected task is stopped by no scaling and no deployment.

Protection ends by itself; until when it lasts is written on the task, and the plan of its service keeps to it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import references
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import given, missing
from moorage.domain import arns
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.task import Task, TaskState, stop_of
from moorage.domain.world import World

MAX_UPDATED = 10
MAX_DESCRIBED = 100
DEFAULT_MINUTES = 120
MAX_MINUTES = 2880


async def get_task_protection(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Of the given tasks, else of all tasks of the cluster that are protected."""
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments["cluster"])
    wanted = arguments.get("tasks")
    if not wanted:
        tasks = [task for task in world.linked(Task, "cluster", cluster.key) if task.is_protected(ctx.now())]
        return {"protectedTasks": [_present(ctx, task) for task in tasks], "failures": []}
    if len(wanted) > MAX_DESCRIBED:
        raise InvalidParameter(f"GetTaskProtection takes up to {MAX_DESCRIBED} tasks.")
    found, failures = _find(ctx, world, cluster, wanted)
    return {"protectedTasks": [_present(ctx, task) for task in found], "failures": failures}


async def update_task_protection(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    wanted, minutes = arguments["tasks"], arguments.get("expiresInMinutes", DEFAULT_MINUTES)
    if not 1 <= len(wanted) <= MAX_UPDATED:
        raise InvalidParameter(f"UpdateTaskProtection takes 1 to {MAX_UPDATED} tasks.")
    if not 1 <= minutes <= MAX_MINUTES:
        raise InvalidParameter(f"expiresInMinutes must be between 1 and {MAX_MINUTES}.")
    draft = Draft(ctx.world())
    cluster = references.cluster(ctx, draft.world, arguments["cluster"])
    found, failures = _find(ctx, draft.world, cluster, wanted)
    until = ctx.now() + timedelta(minutes=minutes) if arguments["protectionEnabled"] else None
    changed = [replace(task, protected_until=until) for task in found]
    for task in changed:
        draft.put(task)
    await draft.commit(ctx.store)
    return {"protectedTasks": [_present(ctx, task) for task in changed], "failures": failures}


def _find(
    ctx: RequestContext, world: World, cluster: Cluster, wanted: Iterable[str]
) -> tuple[list[Task], list[dict[str, str]]]:
    """The tasks of services among those wanted; others cannot be protected."""
    found, failures = [], []
    for reference in dict.fromkeys(wanted):
        task = references.task(ctx, world, cluster, reference)
        if task is None or stop_of(task, world.get(TaskState, task.key)) is not None:
            named = (
                reference
                if arns.parse(reference)
                else arns.task(cluster.account, cluster.region, cluster.name, reference)
            )
            failures.append(missing(named))
        elif task.service is None:
            detail = "Only tasks of a service can be protected."
            failures.append({"arn": task.arn, "reason": "TASK_NOT_VALID", "detail": detail})
        else:
            found.append(task)
    return found, failures


def _present(ctx: RequestContext, task: Task) -> dict[str, Any]:
    protected = task.is_protected(ctx.now())
    return given(
        taskArn=task.arn,
        protectionEnabled=protected,
        expirationDate=task.protected_until if protected else None,
    )
