"""Tasks: RunTask, StartTask, StopTask, DescribeTasks, ListTasks. Only intent is written; the engine starts and stops.

A client token makes the ids of the tasks that it asks for, so a request that is sent again finds them and makes none.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson

from moorage.api.context import RequestContext
from moorage.api.ecs import (
    execute_command,
    launching,
    namespaces,
    networks,
    paging,
    placing,
    present_task,
    references,
    roles,
    tagging,
)
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import looked_up
from moorage.domain import arns, placement_rules, secret_rules, service_rules, task_definition_rules
from moorage.domain.changes import Key, Link
from moorage.domain.cluster import Cluster
from moorage.domain.errors import ClientTokenReused, InvalidParameter, TaskNotFound
from moorage.domain.task import Stop, StopCode, Task, TaskState, stop_of
from moorage.domain.task_definition import TaskDefinition, cpu_units, memory_mib
from moorage.domain.world import World
from moorage.planning import capacity, task_factory

MAX_RUN = 10
MAX_DESCRIBED = 100
LONGEST_STARTER = 128
"""Characters of `startedBy` (API reference, RunTask)."""
STARTER = re.compile(r"[A-Za-z0-9_/-]*")
LONGEST_OVERRIDES = 8192
"""Characters of the overrides of containers, written as JSON (API reference, RunTask)."""
DEFAULT_REASON = "Task stopped by user"


async def run_task(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    await namespaces.settle(ctx, arguments)
    draft = Draft(ctx.world())
    count = arguments.get("count", 1)
    if not 1 <= count <= MAX_RUN:
        raise InvalidParameter(f"count must be between 1 and {MAX_RUN}.")
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    if (same := _run_before(draft.world, cluster, arguments)) is not None:
        return {"tasks": [present_task.task(draft.world, each) for each in same], "failures": []}
    definition = references.runnable_definition(ctx, draft.world, arguments["taskDefinition"])
    template = _template(ctx, draft.world, cluster, definition, arguments)
    draft.rest_on(cluster)
    draft.rest_on(definition)
    await roles.check(ctx, definition, template.overrides)
    subnets = await networks.subnets(ctx, template.network)
    constraints = [*arguments.get("placementConstraints", ()), *definition.placement_constraints]
    wanted = placing.Wanted(template, definition, constraints, arguments.get("placementStrategy", ()), subnets)
    failures = placing.failures(draft, wanted, count)
    tasks = [replace(template, id=_id(ctx, cluster, arguments, number)) for number in range(count - len(failures))]
    strategy = launching.read(arguments, cluster).strategy
    tasks = task_factory.provided(placing.placed(ctx, draft.world, wanted, tasks), strategy, ())
    for task in tasks:
        draft.put(task)
    world = await draft.commit(ctx.store)
    return {"tasks": [present_task.task(world, task) for task in tasks], "failures": failures}


async def start_task(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """A task on each of the container instances that the caller chose: no scheduler is asked."""
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    definition = references.runnable_definition(ctx, draft.world, arguments["taskDefinition"])
    template = _template(ctx, draft.world, cluster, definition, {**arguments, "launchType": service_rules.EC2})
    draft.rest_on(cluster)
    draft.rest_on(definition)
    chosen, failures = placing.chosen(draft.world, cluster, arguments["containerInstances"])
    instances, lacking = placing.with_room(draft.world, template, definition, chosen)
    await roles.check(ctx, definition, template.overrides)
    subnets = await networks.subnets(ctx, template.network)
    wanted = placing.Wanted(template, definition, subnets=subnets)
    tasks = placing.placed(ctx, draft.world, wanted, [replace(template, id=ctx.ids.hex32()) for _ in instances])
    for task in tasks:
        draft.put(task)
    world = await draft.commit(ctx.store)
    return {"tasks": [present_task.task(world, task) for task in tasks], "failures": [*failures, *lacking]}


async def stop_task(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """What stops already keeps the reason that it has."""
    draft = Draft(ctx.world())
    cluster = references.cluster(ctx, draft.world, arguments.get("cluster"))
    found = references.task(ctx, draft.world, cluster, arguments["task"])
    if found is None:
        raise TaskNotFound(arguments["task"])
    if stop_of(found, draft.world.get(TaskState, found.key)) is None:
        reason = arguments.get("reason") or DEFAULT_REASON
        found = replace(found, stop=Stop(StopCode.USER_INITIATED, reason, ctx.now()))
        draft.put(found)
    world = await draft.commit(ctx.store)
    return {"task": present_task.task(world, found)}


async def describe_tasks(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    wanted = arguments["tasks"]
    if not wanted:
        raise InvalidParameter("Tasks cannot be empty.")
    if len(wanted) > MAX_DESCRIBED:
        raise InvalidParameter(f"DescribeTasks takes up to {MAX_DESCRIBED} tasks.")
    with_tags = "TAGS" in arguments.get("include", [])

    def find(reference: str) -> Task | None:
        return references.task(ctx, world, cluster, reference)

    found, failures = looked_up(
        wanted, find, lambda name: arns.task(cluster.account, cluster.region, cluster.name, name)
    )
    return {"tasks": [present_task.task(world, each, with_tags) for each in found], "failures": failures}


async def list_tasks(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """ECS tells no task to become PENDING, so that desired status lists nothing, there as here."""
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    look_ups = _asked_for(ctx, world, cluster, arguments)
    # The look-up with the fewest tasks is walked; the others only say which of them pass.
    shortest = min(look_ups, key=lambda each: world.count_linked(Task, *each))
    others = [each for each in look_ups if each != shortest]

    def found(after: Key | None) -> Iterator[Task]:
        walked = world.each_linked(Task, shortest, after)
        return (task for task in walked if all(world.is_linked(task, each) for each in others))

    arns_found, more = paging.walk(ctx, arguments, found)
    return {"taskArns": arns_found, **more}


def _asked_for(ctx: RequestContext, world: World, cluster: Cluster, arguments: Mapping[str, Any]) -> list[Link]:
    """The look-ups (`domain/standing`) that all hold what ListTasks is asked for: one for each filter."""
    desired = arguments.get("desiredStatus", "RUNNING")
    filters = {"desired": cluster.key}
    if "serviceName" in arguments:
        filters["desired-service"] = references.service(ctx, world, cluster, arguments["serviceName"]).key
    if placing.known(world, cluster, arguments.get("containerInstance")) is not None:
        filters["desired-launch"] = (*cluster.key, service_rules.EC2)
    for name, member in (("desired-family", "family"), ("desired-starter", "startedBy")):
        if member in arguments:
            filters[name] = (*cluster.key, arguments[member])
    look_ups = [(name, (*key, desired)) for name, key in filters.items()]
    if "launchType" in arguments:
        look_ups.append(("desired-launch", (*cluster.key, arguments["launchType"], desired)))
    return look_ups


def _template(
    ctx: RequestContext, world: World, cluster: Cluster, definition: TaskDefinition, arguments: Mapping[str, Any]
) -> Task:
    """What every task of the request is like; each gets an id of its own."""
    launch = launching.read(arguments, cluster)
    network = service_rules.network(arguments.get("networkConfiguration"), definition)
    service_rules.check_runs_here(definition, launch.launch_type)
    placement_rules.constraints(arguments.get("placementConstraints", ()), launch.launch_type)
    placement_rules.check_strategies(arguments.get("placementStrategy", ()), launch.launch_type)
    recorded: dict[str, Any] = {"enableExecuteCommand": arguments.get("enableExecuteCommand", False)}
    execute_command.check_role(definition, recorded, arguments.get("overrides", {}), "task couldn't be run")
    if "clientToken" in arguments:
        recorded["request"] = _fingerprint(arguments)
    if "referenceId" in arguments:
        recorded["referenceId"] = arguments["referenceId"]
    return Task(
        account=ctx.account,
        region=ctx.region,
        cluster=cluster.name,
        id="",
        created_at=ctx.now(),
        task_definition=definition.key,
        group=_group(definition, arguments),
        launch_type=launch.launch_type,
        started_by=_started_by(arguments),
        platform_version=launch.platform_version,
        availability_zone=capacity.zone(world, cluster.key, launch.launch_type),
        network=network,
        overrides=_overrides(definition, arguments.get("overrides", {}), launch.launch_type),
        recorded=recorded,
        tags=_tags(cluster, definition, arguments),
    )


def _group(definition: TaskDefinition, arguments: Mapping[str, Any]) -> str:
    group: str = arguments.get("group", f"family:{definition.family}")
    if group.startswith("service:"):
        raise InvalidParameter("The group name must not start with 'service:': it is for the tasks of services.")
    return group


def _started_by(arguments: Mapping[str, Any]) -> str:
    starter: str = arguments.get("startedBy", "")
    if len(starter) > LONGEST_STARTER:
        raise InvalidParameter(f"startedBy longer than {LONGEST_STARTER}.")
    if not STARTER.fullmatch(starter):
        raise InvalidParameter("startedBy can hold letters, numbers, hyphens, forward slashes and underscores only.")
    return starter


def _overrides(definition: TaskDefinition, overrides: Mapping[str, Any], launch_type: str) -> dict[str, Any]:
    _check_names(definition, overrides.get("containerOverrides", []))
    if not task_definition_rules.has_fitting_storage(overrides):
        raise InvalidParameter(task_definition_rules.STORAGE)
    result = dict(overrides)
    for member, read in (("cpu", cpu_units), ("memory", memory_mib)):
        if member in overrides:
            result[member] = _size(member, overrides[member], read)
    if launch_type == service_rules.FARGATE:
        sizes = {**definition.document, **result}
        task_definition_rules.check_fargate_size(int(sizes["cpu"]), int(sizes["memory"]))
    return result


def _check_names(definition: TaskDefinition, of_containers: Sequence[Mapping[str, Any]]) -> None:
    """InvalidParameter for overrides that are too long, or of a container that is not there."""
    if len(orjson.dumps(of_containers)) > LONGEST_OVERRIDES:
        raise InvalidParameter(f"Container Overrides length must be at most {LONGEST_OVERRIDES}")
    names = {container.name for container in definition.containers}
    for override in of_containers:
        name = override.get("name")
        if name is None:
            raise InvalidParameter("A container override must name its container.")
        if name not in names:
            raise InvalidParameter(f"Override for container named {name} is not a container in the TaskDefinition.")
        secret_rules.check_files(override.get("environmentFiles", ()))


def _size(member: str, given: str, read: Callable[[str], int]) -> str:
    """A task-level size in units, as ECS gives it back."""
    try:
        value = read(given)
    except (ValueError, OverflowError):
        value = 0
    if value <= 0:
        raise InvalidParameter(f"The override of {member} '{given[:50]}' is not valid.")
    return str(value)


def _tags(cluster: Cluster, definition: TaskDefinition, arguments: Mapping[str, Any]) -> dict[str, str]:
    given = tagging.read(arguments.get("tags", []))
    propagate = arguments.get("propagateTags", "NONE")
    if propagate == "SERVICE":
        raise InvalidParameter("propagateTags can only be TASK_DEFINITION or NONE when a task is run by itself.")
    managed = {"aws:ecs:clusterName": cluster.name} if arguments.get("enableECSManagedTags", False) else {}
    return tagging.merged(definition.tags if propagate == "TASK_DEFINITION" else {}, {**given, **managed})


def _run_before(world: World, cluster: Cluster, arguments: Mapping[str, Any]) -> list[Task] | None:
    """The tasks that this very request made before. ClientTokenReused if the token came with another request."""
    if "clientToken" not in arguments:
        return None
    ids = [_token_id(cluster, arguments["clientToken"], number) for number in range(MAX_RUN)]
    tasks = [task for each in ids if (task := world.get(Task, (*cluster.key, each))) is not None]
    if not tasks:
        return None
    if any(task.recorded.get("request") != _fingerprint(arguments) for task in tasks):
        raise ClientTokenReused(arguments["clientToken"], tuple(task.arn for task in tasks))
    return tasks


def _id(ctx: RequestContext, cluster: Cluster, arguments: Mapping[str, Any], number: int) -> str:
    if "clientToken" not in arguments:
        return ctx.ids.hex32()
    return _token_id(cluster, arguments["clientToken"], number)


def _token_id(cluster: Cluster, token: str, number: int) -> str:
    return sha256("\0".join((cluster.arn, token, str(number))).encode()).hexdigest()[:32]


def _fingerprint(arguments: Mapping[str, Any]) -> str:
    return sha256(orjson.dumps(dict(arguments), option=orjson.OPT_SORT_KEYS)).hexdigest()
