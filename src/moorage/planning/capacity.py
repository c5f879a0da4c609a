"""Whether this machine may take a task of a cluster, or why not: draining, and the placement constraints.

Constraints and draining concern the EC2 launch type; Fargate has no container instances. At which of the places that
are left a task is put is decided in `placement`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from moorage.domain import cluster_query
from moorage.domain.capacity import DRAINING, ContainerInstance
from moorage.domain.changes import Key
from moorage.domain.network import Subnet
from moorage.domain.placement_rules import BY_ZONE
from moorage.domain.service import DAEMON, Deployment, Service
from moorage.domain.service_rules import EC2
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World

DISTINCT: Final = "distinctInstance"
MEMBER: Final = "memberOf"
UNSATISFIED: Final = "{} placement constraint unsatisfied."
NONE_MET: Final = "no container instance met all of its requirements"


def why_not(world: World, service: Service, deployment: Deployment, group: str = "") -> str:
    """Why a task of the deployment, and of `group`, cannot be placed on this machine now, as services tell it; empty
    when it can."""
    cluster = service.key[:3]
    instance = world.get(ContainerInstance, cluster)
    if deployment.launch_type != EC2 or instance is None:
        return ""
    if instance.status == DRAINING:
        return f"{NONE_MET}. The container instance {instance.id} is DRAINING"
    unsatisfied = obstacle(world, instance, constraints(world, service, deployment), group, deployment.subnets)
    return closest(world, cluster, f'encountered error "{unsatisfied}"') if unsatisfied else ""


def closest(world: World, cluster: Key, obstacle: str) -> str:
    """Why no instance will do, as services tell it, given what is wrong with the one that comes closest."""
    instance = world.get(ContainerInstance, cluster)
    return f"{NONE_MET}. The closest matching (container-instance {instance.id if instance else ''}) {obstacle}"


def obstacle(
    world: World,
    instance: ContainerInstance,
    constraints: Sequence[Mapping[str, Any]],
    group: str,
    subnets: Sequence[Subnet] = (),
) -> str:
    """The constraint that this instance satisfies in no zone of the subnets, in ECS's words; empty if there is none."""
    zones = {subnet.zone for subnet in subnets} or {""}
    if not any(admits(world, instance, constraints, zone) for zone in zones):
        return UNSATISFIED.format("MemberOf")
    if any(each.get("type") == DISTINCT for each in constraints) and _has(world, instance.key, group):
        return UNSATISFIED.format("DistinctInstance")
    return ""


def admits(world: World, instance: ContainerInstance, constraints: Iterable[Mapping[str, Any]], zone: str = "") -> bool:
    """Whether every `memberOf` holds of this instance, where it stands in the zone."""
    asked = [each.get("expression", "") for each in constraints if each.get("type") == MEMBER]
    return all(is_member(world, instance, each, zone) for each in asked)


def desired_count(world: World, service: Service, deployment: Deployment) -> int:
    """How many tasks the service shall have: a DAEMON has one on each instance that may take it."""
    if service.scheduling_strategy != DAEMON:
        return service.desired_count
    if service.deleted_at is not None:
        return 0
    return 0 if why_not(world, service, deployment) else 1


def constraints(world: World, service: Service, deployment: Deployment) -> list[Mapping[str, Any]]:
    """The placement constraints of the service's tasks: its own and those of the task definition."""
    definition = world.get(TaskDefinition, deployment.task_definition)
    return [*service.placement_constraints, *(definition.placement_constraints if definition is not None else ())]


def drains(world: World, cluster: Key, launch_type: str) -> bool:
    """True while tasks of this launch type shall leave this machine."""
    instance = world.get(ContainerInstance, cluster)
    return launch_type == EC2 and instance is not None and instance.status == DRAINING


def zone(world: World, cluster: Key, launch_type: str) -> str:
    """The availability zone of a task whose definition has no network of the VPC: that of the container instance.

    Elsewhere it is the subnet's, and empty until one is chosen.
    """
    instance = world.get(ContainerInstance, cluster)
    return instance.zone if launch_type == EC2 and instance is not None else ""


def is_member(world: World, instance: ContainerInstance, expression: str, zone: str = "") -> bool:
    """Whether the instance is one of those that the expression means. InvalidQuery."""
    return cluster_query.read(expression)(facts(world, instance, zone))


def facts(world: World, instance: ContainerInstance, zone: str = "") -> cluster_query.Facts:
    """What cluster queries may ask of the instance, which stands in the zone if one is given."""
    tasks = placed_tasks(world, instance.key)
    running = sum(state is not None and state.status is Status.RUNNING for _, state in tasks)
    groups = frozenset(task.group for task, _ in tasks)
    return {
        "agentConnected": frozenset({"true"}),
        "registeredAt": frozenset({instance.registered_at.isoformat()}),
        "runningTasksCount": frozenset({str(running)}),
        "pendingTasksCount": frozenset({str(len(tasks) - running)}),
        **({"task:group": groups} if groups else {}),
        **{f"attribute:{name}": frozenset({value}) for name, value in instance.all_attributes.items()},
        **({BY_ZONE: frozenset({zone})} if zone else {}),
    }


def placed_tasks(world: World, cluster: Key) -> list[tuple[Task, TaskState | None]]:
    """The tasks that are on the cluster's container instance and nobody stopped, with their states."""
    return [(task, world.get(TaskState, task.key)) for task in world.linked(Task, "placed", cluster)]


def _has(world: World, cluster: Key, group: str) -> bool:
    return world.count_linked(Task, "placed-group", (*cluster, group)) > 0
