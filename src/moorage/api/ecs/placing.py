"""Where the tasks of RunTask and StartTask go: on this machine, unless it may not take them; then they are failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import container_instances
from moorage.api.ecs.draft import Draft
from moorage.domain.capacity import DRAINING, ContainerInstance
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.network import Subnet
from moorage.domain.service_rules import EC2
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import candidates, capacity, placement, resources

MAX_STARTED = 10


@dataclass(frozen=True)
class Wanted:
    """What a request wants to run, and where: constraints, which bind, strategies, and the subnets to choose from."""

    template: Task
    definition: TaskDefinition
    constraints: Sequence[Mapping[str, Any]] = ()
    strategies: Sequence[Mapping[str, Any]] = ()
    subnets: Sequence[Subnet] = ()


def placed(ctx: RequestContext, world: World, wanted: Wanted, tasks: Sequence[Task]) -> list[Task]:
    """The tasks, which there is room for, where the strategies say beside the tasks of their group."""
    template = wanted.template
    places = candidates.places(world, template.key[:3], template.launch_type, wanted.subnets, wanted.constraints)
    taken = candidates.in_group(world, template.key[:3], template.group) if template.launch_type == EC2 else []
    wish = candidates.wish(wanted.strategies, wanted.constraints, resources.demand(wanted.definition, template))
    chosen = placement.choose(places, taken, wish, len(tasks), lambda below: int(ctx.ids.digits(9)) % below)
    return placement.placed(tasks, chosen)


def failures(draft: Draft, wanted: Wanted, count: int) -> list[dict[str, str]]:
    """Those of `count` tasks that cannot be placed, each with the reason. InvalidParameter where nothing can be."""
    template, constraints = wanted.template, wanted.constraints
    instance = draft.world.get(ContainerInstance, template.key[:3])
    if template.launch_type != EC2 or instance is None:
        return []
    draft.rest_on(instance)
    if instance.status == DRAINING:
        raise InvalidParameter("No Container Instances were found in your cluster.")
    reason = capacity.obstacle(draft.world, instance, constraints, template.group, wanted.subnets)
    if reason:
        return [{"arn": instance.arn, "reason": reason}] * count
    fit, lacking = resources.room(draft.world, instance, resources.demand(wanted.definition, template), count)
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
