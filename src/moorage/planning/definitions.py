"""When a task definition that was deleted disappears: once no task and no deployment is made from it any more."""

from collections.abc import Iterable

from moorage.domain.changes import Delete, Key, Write
from moorage.domain.service import Deployment
from moorage.domain.task import Task
from moorage.domain.task_definition import DELETE_IN_PROGRESS, TaskDefinition
from moorage.domain.world import World


def disappearing(world: World, key: Key, without: Iterable[Key]) -> list[Write]:
    """The deletion of the definition if, beside the tasks and deployments `without`, nothing is made from it."""
    definition = world.get(TaskDefinition, key)
    if definition is None or definition.status != DELETE_IN_PROGRESS:
        return []
    gone = frozenset(without)
    deployments = world.linked(Deployment, "task_definition", key)
    tasks = world.linked(Task, "task_definition", key)
    users: list[Key] = [*(each.key for each in deployments), *(task.key for task in tasks)]
    used = any(user not in gone for user in users)
    return [] if used else [Delete(TaskDefinition.table, key)]
