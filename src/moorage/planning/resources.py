"""What tasks of the EC2 launch type reserve of the container instance, and what of it is lacking for one more.

Reserved as ECS does: the task's own sizes, else those of its containers; of memory the reservation goes before the
limit (developer guide, "Task definition parameters"). Words: RunTask's failures, and "Service event messages".
"""

from dataclasses import dataclass
from typing import Final

from moorage.domain.capacity import ContainerInstance
from moorage.domain.service import Deployment
from moorage.domain.task import Task
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.domain.world import World
from moorage.planning import capacity, ports, sidecar

CPU: Final = "RESOURCE:CPU"
MEMORY: Final = "RESOURCE:MEMORY"
PORTS: Final = "RESOURCE:PORTS"
TOLD: Final = {
    CPU: "has insufficient CPU units available",
    MEMORY: "has insufficient memory available",
    PORTS: "is already using a port required by your task",
}
"""How a service's event speaks of what is lacking."""


@dataclass(frozen=True)
class Amount:
    """CPU units, memory in MiB, and host ports that are the task's alone."""

    cpu: int = 0
    memory: int = 0
    host_ports: frozenset[ports.Port] = frozenset()


def demand(definition: TaskDefinition, task: Task | None = None, deployment: Deployment | None = None) -> Amount:
    """What a task of the definition reserves, with the overrides of `task` and the proxy of `deployment` if given."""
    size = sidecar.size(task, definition) if task is not None else definition
    given = task.overrides.get("containerOverrides", ()) if task is not None else ()
    by_name = {each.get("name"): each for each in given}
    parts = [_of_container(each, by_name.get(each.name, {})) for each in definition.containers]
    return Amount(
        size.cpu or sum(part.cpu for part in parts),
        size.memory or sum(part.memory for part in parts),
        ports.fixed(definition, deployment),
    )


def remaining(world: World, instance: ContainerInstance) -> Amount:
    """What the tasks that are placed on the instance leave of what it registered; less than nothing is nothing."""
    taken = [_placed(world, task) for task, _ in capacity.placed_tasks(world, instance.key)]
    cpu = instance.cpu - sum(each.cpu for each in taken)
    memory = instance.memory - sum(each.memory for each in taken)
    return Amount(max(0, cpu), max(0, memory))


def room(world: World, instance: ContainerInstance, wanted: Amount, count: int) -> tuple[int, str]:
    """For how many of `count` tasks there is room, and what the next one lacks: CPU, MEMORY, PORTS or nothing ("").

    An instance that registered nothing lacks nothing but ports, of which it always has one each.
    """
    free = 0 if ports.taken(world, wanted.host_ports) else 1
    fit, lacking = _room(world, instance, wanted, count)
    return (free, PORTS) if wanted.host_ports and free < fit else (fit, lacking)


def _room(world: World, instance: ContainerInstance, wanted: Amount, count: int) -> tuple[int, str]:
    if not (wanted.cpu and instance.cpu) and not (wanted.memory and instance.memory):
        return count, ""
    left = remaining(world, instance)
    pairs = ((CPU, instance.cpu, left.cpu, wanted.cpu), (MEMORY, instance.memory, left.memory, wanted.memory))
    fits = [(free // asked, name) for name, registered, free, asked in pairs if registered and asked]
    fewest = min(number for number, _ in fits)
    if fewest >= count:
        return count, ""
    return fewest, next(name for number, name in fits if number == fewest)


def _placed(world: World, task: Task) -> Amount:
    definition = world.get(TaskDefinition, task.task_definition)
    return demand(definition, task) if definition is not None else Amount()


def _of_container(container: ContainerDefinition, override: dict[str, int]) -> Amount:
    document = {**container.document, **override}
    return Amount(document.get("cpu", 0), document.get("memoryReservation") or document.get("memory", 0))
