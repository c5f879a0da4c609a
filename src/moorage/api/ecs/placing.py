"""Where the tasks of RunTask and StartTask go: on this machine, unless it may not take them; then they are failures."""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.api.ecs import container_instances
from moorage.api.ecs.draft import Draft
from moorage.domain.capacity import DRAINING, ContainerInstance
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.service_rules import EC2
from moorage.domain.task import Task
from moorage.domain.world import World
from moorage.planning import capacity

MAX_STARTED = 10


def failures(
    draft: Draft, template: Task, constraints: Sequence[Mapping[str, Any]], count: int
) -> list[dict[str, str]]:
    """Those of `count` tasks that cannot be placed, each with the reason. InvalidParameter where nothing can be."""
    instance = draft.world.get(ContainerInstance, template.key[:3])
    if template.launch_type != EC2 or instance is None:
        return []
    draft.rest_on(instance)
    if instance.status == DRAINING:
        raise InvalidParameter("No Container Instances were found in your cluster.")
    reason = capacity.obstacle(draft.world, instance, constraints, template.group)
    if reason:
        return [{"arn": instance.arn, "reason": reason}] * count
    if not any(each.get("type") == capacity.DISTINCT for each in constraints):
        return []
    return [{"arn": instance.arn, "reason": capacity.UNSATISFIED.format("DistinctInstance")}] * (count - 1)


def chosen(
    world: World, cluster: Cluster, wanted: Sequence[str]
) -> tuple[list[ContainerInstance], list[dict[str, str]]]:
    """The container instances of a StartTask, and failures for those that there are not."""
    if not 1 <= len(wanted) <= MAX_STARTED:
        raise InvalidParameter(f"1 to {MAX_STARTED} container instances can be given to StartTask.")
    return container_instances.find(world, cluster, wanted)


def known(world: World, cluster: Cluster, reference: str | None) -> ContainerInstance | None:
    """The instance by which tasks are listed, if one is given. InvalidParameter."""
    if reference is None:
        return None
    found = container_instances.of_reference(world, cluster, reference)
    if found is None:
        raise InvalidParameter(f"The container instance {reference} was not found.")
    return found
