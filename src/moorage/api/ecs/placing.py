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
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import capacity, resources

MAX_STARTED = 10


def failures(
    draft: Draft, template: Task, definition: TaskDefinition, asked: Sequence[Mapping[str, Any]], count: int
) -> list[dict[str, str]]:
    """Those of `count` tasks that cannot be placed, each with the reason. InvalidParameter where nothing can be."""
    instance = draft.world.get(ContainerInstance, template.key[:3])
    if template.launch_type != EC2 or instance is None:
        return []
    constraints = [*asked, *definition.placement_constraints]
    draft.rest_on(instance)
    if instance.status == DRAINING:
        raise InvalidParameter("No Container Instances were found in your cluster.")
    reason = capacity.obstacle(draft.world, instance, constraints, template.group)
    if reason:
        return [{"arn": instance.arn, "reason": reason}] * count
    fit, lacking = resources.room(draft.world, instance, resources.demand(definition, template), count)
    if fit > 0 and any(each.get("type") == capacity.DISTINCT for each in constraints):
        return [{"arn": instance.arn, "reason": capacity.UNSATISFIED.format("DistinctInstance")}] * (count - 1)
    return [{"arn": instance.arn, "reason": lacking}] * (count - fit)


def with_room(
    world: World, template: Task, definition: TaskDefinition, found: Sequence[ContainerInstance]
) -> tuple[list[ContainerInstance], list[dict[str, str]]]:
    """The container instances that have what the task reserves, and failures for the others."""
    wanted = resources.demand(definition, template)
    lacking = {each.arn: resources.room(world, each, wanted, 1)[1] for each in found}
    failed = [{"arn": arn, "reason": reason} for arn, reason in lacking.items() if reason]
    return [each for each in found if not lacking[each.arn]], failed


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
