"""The places that tasks may be put at, and those of tasks that run: subnets, on this machine for EC2's launch type.

This machine stands in every zone that a subnet is in: a task's zone is its subnet's, and a `memberOf` about the zone
picks subnets. Without subnets the zone is the machine's own.
Among the places `placement` chooses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from moorage.domain.capacity import ContainerInstance
from moorage.domain.changes import Key
from moorage.domain.network import Subnet
from moorage.domain.service import Deployment, Service
from moorage.domain.service_rules import EC2
from moorage.domain.task import Task, TaskState, is_ending
from moorage.domain.world import World
from moorage.planning import capacity, placement, resources
from moorage.planning.placement import Place, Wish
from moorage.planning.resources import Amount

Constraints = Iterable[Mapping[str, Any]]


def places(
    world: World, cluster: Key, launch_type: str, subnets: Sequence[Subnet], constraints: Constraints
) -> list[Place]:
    """Where tasks of this launch type may be: for EC2 those places that every `memberOf` means."""
    instance = world.get(ContainerInstance, cluster)
    if launch_type != EC2 or instance is None:
        return placement.places(subnets)
    asked = list(constraints)
    found = placement.places(subnets, [_here(world, instance)])
    return [place for place in found if capacity.admits(world, instance, asked, place.zone)]


def of_service(world: World, service: Service, deployment: Deployment) -> list[Place]:
    """Where the tasks of a service's deployment may be."""
    constraints = capacity.constraints(world, service, deployment)
    return places(world, service.key[:3], deployment.launch_type, deployment.subnets, constraints)


def beside(world: World, deployment: Deployment) -> list[Place]:
    """The places of the deployment's tasks that are there to stay."""
    return of_tasks(world, staying(world, deployment))


def staying(world: World, deployment: Deployment) -> Iterator[Task]:
    """The deployment's tasks that are there to stay."""
    tasks = world.linked(Task, "deployment", deployment.key)
    return (task for task in tasks if not is_ending(task, world.get(TaskState, task.key)))


def in_group(world: World, cluster: Key, group: str) -> list[Place]:
    """The places of the tasks of a group that are on the cluster's container instance."""
    return of_tasks(world, world.linked(Task, "placed-group", (*cluster, group)))


def of_tasks(world: World, tasks: Iterable[Task]) -> list[Place]:
    """Where each of these tasks is, all of one cluster."""
    found, here = list[Place](), None
    for task in tasks:
        instance = world.get(ContainerInstance, task.key[:3]) if task.launch_type == EC2 else None
        if instance is not None:
            here = here or _here(world, instance)
        on = here if instance is not None and here is not None else Place()
        found.append(replace(on, zone=task.availability_zone, subnet=task.subnet))
    return found


def wish(strategies: placement.Strategies, constraints: Constraints, needed: Amount) -> Wish:
    """What is asked for each of the tasks that need so much."""
    distinct = any(each.get("type") == capacity.DISTINCT for each in constraints)
    return Wish(tuple(strategies), distinct, needed.cpu, needed.memory)


def _here(world: World, instance: ContainerInstance) -> Place:
    left = resources.remaining(world, instance)
    return Place(
        zone=instance.zone,
        instance=instance.id,
        attributes=instance.all_attributes,
        cpu=left.cpu if instance.cpu else None,
        memory=left.memory if instance.memory else None,
    )
