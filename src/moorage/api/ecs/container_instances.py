"""Container instances: this machine is one of every cluster, for the EC2 launch type. It can be drained and activated.

DescribeContainerInstances, ListContainerInstances, UpdateContainerInstancesState. The resources are the machine's own;
what is left of them is counted from the tasks that are placed.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from moorage import __version__
from moorage.api.context import RequestContext
from moorage.api.ecs import paging, references, tagging
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.machine import Machine
from moorage.api.ecs.output import given, looked_up
from moorage.domain import arns
from moorage.domain.capacity import ACTIVE, DRAINING, ContainerInstance
from moorage.domain.changes import Put, Stale
from moorage.domain.cluster import INACTIVE, Cluster
from moorage.domain.cluster_query import InvalidQuery
from moorage.domain.errors import InvalidParameter
from moorage.domain.task import Status
from moorage.domain.world import World
from moorage.engine.ports import Store
from moorage.planning import capacity, ports, resources

MAX_DESCRIBED = 100
MAX_UPDATED = 10


async def list_container_instances(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    items = {}
    for instance in instances(world, cluster):
        asked = arguments.get("status")
        wanted = instance.status == asked if asked is not None else True
        if wanted and _matches(world, instance, arguments.get("filter", "")):
            items[instance.id] = instance.arn
    found, more = paging.page(ctx, arguments, items)
    return {"containerInstanceArns": found, **more}


async def describe_container_instances(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    wanted = arguments["containerInstances"]
    if not 1 <= len(wanted) <= MAX_DESCRIBED:
        raise InvalidParameter(f"1 to {MAX_DESCRIBED} container instances can be described at once.")
    found, failures = find(world, cluster, wanted)
    include = frozenset(arguments.get("include", []))
    return {"containerInstances": [_present(world, each, include) for each in found], "failures": failures}


async def update_container_instances_state(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """DRAINING takes no new tasks, and its services' tasks leave as far as their deployments let them."""
    wanted, status = arguments["containerInstances"], arguments["status"]
    if status not in (ACTIVE, DRAINING):
        raise InvalidParameter("Container instance status should be one of [ACTIVE,DRAINING]")
    if not 1 <= len(wanted) <= MAX_UPDATED:
        raise InvalidParameter(f"1 to {MAX_UPDATED} container instances can be updated at once.")
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    found, failures = find(draft.world, cluster, wanted)
    changed = [each if each.status == status else _next(each, status) for each in found]
    for each in changed:
        draft.put(each)
    world = await draft.commit(ctx.store)
    return {"containerInstances": [_present(world, each, frozenset()) for each in changed], "failures": failures}


async def register_again(store: Store, machine: Machine) -> None:
    """Let every container instance be what this machine is now. Called once, at the start."""
    for instance in list(store.snapshot().all(ContainerInstance)):
        own = machine.attributes(instance.region)
        registered = replace(instance, cpu=machine.cpu, memory=machine.memory, own=own)
        if registered == instance:
            continue
        with contextlib.suppress(Stale):  # who changed it meanwhile was drained or marked: the next start will do
            record = (ContainerInstance.table, instance.key)
            await store.commit([Put(registered)], {record: store.snapshot().versions.get(record, 0)})


def new_instance(cluster: Cluster, machine: Machine) -> ContainerInstance:
    """This machine as it joins a new cluster."""
    return ContainerInstance(
        account=cluster.account,
        region=cluster.region,
        cluster=cluster.name,
        registered_at=cluster.created_at,
        own=machine.attributes(cluster.region),
        cpu=machine.cpu,
        memory=machine.memory,
    )


def instances(world: World, cluster: Cluster) -> list[ContainerInstance]:
    """The cluster's container instances: one while it is not deleted."""
    found = world.get(ContainerInstance, cluster.key)
    return [] if found is None or cluster.status == INACTIVE else [found]


def of_reference(world: World, cluster: Cluster, reference: str) -> ContainerInstance | None:
    """The instance by its id or ARN."""
    return next((each for each in instances(world, cluster) if reference in (each.id, each.arn)), None)


def find(world: World, cluster: Cluster, wanted: Iterable[str]) -> tuple[list[ContainerInstance], list[dict[str, str]]]:
    """The cluster's instances among those wanted, and failures for what is none."""
    return looked_up(
        wanted,
        lambda reference: of_reference(world, cluster, reference),
        lambda name: arns.container_instance(cluster.account, cluster.region, cluster.name, name),
    )


def _matches(world: World, instance: ContainerInstance, expression: str) -> bool:
    try:
        return not expression or capacity.is_member(world, instance, expression)
    except InvalidQuery as error:
        raise InvalidParameter(f"The filter '{expression[:200]}' is not a cluster query: {error}.") from error


def _next(instance: ContainerInstance, status: str) -> ContainerInstance:
    return replace(instance, status=status, version=instance.version + 1)


def _present(world: World, instance: ContainerInstance, include: frozenset[str]) -> dict[str, Any]:
    tasks = capacity.placed_tasks(world, instance.key)
    running = sum(state is not None and state.status is Status.RUNNING for _, state in tasks)
    left = resources.remaining(world, instance)
    return given(
        containerInstanceArn=instance.arn,
        version=instance.version,
        versionInfo={"agentVersion": __version__},
        registeredResources=_resources(instance.cpu, instance.memory, frozenset()),
        remainingResources=_resources(left.cpu, left.memory, ports.in_use(world)),
        status=instance.status,
        agentConnected=True,
        runningTasksCount=running,
        pendingTasksCount=len(tasks) - running,
        attributes=[given(name=name, value=value or None) for name, value in instance.all_attributes.items()],
        registeredAt=instance.registered_at,
        attachments=[],
        tags=tagging.present(instance.tags) if "TAGS" in include else [],
    )


def _resources(cpu: int, memory: int, used: frozenset[ports.Port]) -> list[dict[str, Any]]:
    """Of ports, ECS lists those that are reserved: here none are but for those which tasks fix."""
    none = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0}
    numbers = [
        {**none, "name": name, "type": "INTEGER", "integerValue": value}
        for name, value in (("CPU", cpu), ("MEMORY", memory))
    ]
    sets = (("PORTS", "tcp"), ("PORTS_UDP", "udp"))
    return numbers + [
        {**none, "name": name, "type": "STRINGSET", "stringSetValue": sorted(str(n) for kind, n in used if kind == p)}
        for name, p in sets
    ]
