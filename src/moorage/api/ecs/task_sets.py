"""Task sets of services with the controller EXTERNAL: create, describe, update, delete, and which one is PRIMARY.

Only intent is written; the engine starts and stops the tasks, and deletes the records of a set that is empty.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from moorage.api.context import RequestContext
from moorage.api.ecs import deploying, execute_command, present_service, references, registries, tagging
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import looked_up
from moorage.domain import arns, placement_rules, service_rules
from moorage.domain.errors import InvalidParameter, ServiceNotActive, TaskSetNotFound
from moorage.domain.service import EXTERNAL, Deployment, Service, deployment_key
from moorage.domain.task_set import MAX_TASK_SETS, STABILIZING, TaskSet
from moorage.domain.world import World

MAX_DESCRIBED: Final = 100


async def create_task_set(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    service = _service(ctx, draft, arguments)
    task_set_id = _id(ctx, service, arguments)
    if (same := _created_before(draft.world, service, task_set_id, arguments)) is not None:
        return {"taskSet": present_service.task_set(draft.world, service, same)}
    there = draft.world.count_linked(TaskSet, "service", service.key)
    if there >= MAX_TASK_SETS:
        raise InvalidParameter(
            f"{there} deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum "
            "limit."
        )
    cluster = references.active_cluster(ctx, draft.world, arguments["cluster"])
    wanted = await deploying.wanted(ctx, draft, cluster, service.name, arguments)
    deployment = replace(wanted.deployment, id=task_set_id)
    placement_rules.constraints(service.placement_constraints, deployment.launch_type)
    service_rules.check_runs_here(wanted.definition, deployment.launch_type)
    registries.check(draft, deployment, wanted.definition)
    execute_command.check_role(wanted.definition, service.recorded, {}, "task set couldn't be created")
    task_set = TaskSet(
        account=service.account,
        region=service.region,
        cluster=service.cluster,
        service=service.name,
        id=deployment.id,
        created_at=deployment.created_at,
        updated_at=deployment.created_at,
        scale=_scale(arguments.get("scale", {"value": 0.0})),
        external_id=arguments.get("externalId"),
        tags=tagging.read(arguments.get("tags", [])),
    )
    for record in (cluster, wanted.definition, service):
        draft.rest_on(record)
    draft.put(deployment)
    draft.put(replace(deploying.begun(deployment), state=STABILIZING, reason="", since=deployment.created_at))
    draft.put(task_set)
    world = await draft.commit(ctx.store)
    return {"taskSet": present_service.task_set(world, service, task_set)}


async def describe_task_sets(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those that are named, else all of the service."""
    draft = Draft(ctx.world())
    service = _service(ctx, draft, arguments)
    with_tags = "TAGS" in arguments.get("include", [])
    wanted = arguments.get("taskSets") or []
    if len(wanted) > MAX_DESCRIBED:
        raise InvalidParameter(f"DescribeTaskSets takes up to {MAX_DESCRIBED} task sets.")
    found, failures = looked_up(
        wanted or [each.arn for each in present_service.task_sets(draft.world, service)],
        lambda reference: _find(draft.world, service, reference),
        lambda name: arns.task_set(service.account, service.region, service.cluster, service.name, name),
    )
    shown = [present_service.task_set(draft.world, service, each, with_tags) for each in found]
    return {"taskSets": shown, "failures": failures}


async def update_task_set(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    service = _service(ctx, draft, arguments)
    task_set = _living(draft.world, service, arguments["taskSet"], "updated")
    scale = _scale(arguments["scale"])
    if scale != task_set.scale:
        task_set = replace(task_set, scale=scale, updated_at=ctx.now())
    draft.rest_on(service)
    draft.put(task_set)
    world = await draft.commit(ctx.store)
    return {"taskSet": present_service.task_set(world, service, task_set)}


async def update_service_primary_task_set(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """The service then shows what the PRIMARY task set is made from; the one that was it before is ACTIVE."""
    draft = Draft(ctx.world())
    service = _service(ctx, draft, arguments)
    task_set = _living(draft.world, service, arguments["primaryTaskSet"], "made the primary task set")
    service = replace(service, deployment_id=task_set.id)
    draft.rest_on(task_set)
    draft.put(service)
    world = await draft.commit(ctx.store)
    return {"taskSet": present_service.task_set(world, service, task_set)}


async def delete_task_set(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Without force only a set that is scaled to zero and not PRIMARY."""
    draft = Draft(ctx.world())
    service = _service(ctx, draft, arguments)
    task_set = _found(draft.world, service, arguments["taskSet"])
    if task_set.deleted_at is None:
        primary = task_set.id == service.deployment_id
        if not arguments.get("force", False):
            _check_idle(task_set, primary)
        task_set = replace(task_set, deleted_at=ctx.now(), updated_at=ctx.now(), scale=0.0)
        draft.put(task_set)
        if primary:
            service = replace(service, deployment_id="")
            draft.put(service)
        draft.rest_on(service)
    world = await draft.commit(ctx.store)
    return {"taskSet": present_service.task_set(world, service, task_set)}


def _service(ctx: RequestContext, draft: Draft, arguments: Mapping[str, Any]) -> Service:
    """The service, which an external controller must deploy. ClusterNotFound, ServiceNotFound, ServiceNotActive."""
    cluster = references.cluster(ctx, draft.world, arguments["cluster"])
    service = references.service(ctx, draft.world, cluster, arguments["service"])
    if service.deleted_at is not None:
        raise ServiceNotActive(arguments["service"])
    if service.controller != EXTERNAL:
        raise InvalidParameter(
            "Amazon ECS only supports task set management on services configured to use external deployment "
            "controllers."
        )
    return service


def _living(world: World, service: Service, reference: str, what: str) -> TaskSet:
    found = _found(world, service, reference)
    if found.deleted_at is not None:
        raise InvalidParameter(f"The task set {found.id} is DRAINING and cannot be {what}.")
    return found


def _found(world: World, service: Service, reference: str) -> TaskSet:
    found = _find(world, service, reference)
    if found is None:
        raise TaskSetNotFound(reference)
    return found


def _find(world: World, service: Service, reference: str) -> TaskSet | None:
    """The task set of the service by its id or ARN."""
    known = world.get(TaskSet, deployment_key(service.key, reference))
    if known is not None or arns.parse(reference) is None:
        return known
    return next((each for each in present_service.task_sets(world, service) if each.arn == reference), None)


def _scale(document: Mapping[str, Any]) -> float:
    value = float(document.get("value", 0.0))
    if not 0.0 <= value <= 100.0:
        raise InvalidParameter("The scale of a task set must be a percentage between 0 and 100.")
    return value


def _check_idle(task_set: TaskSet, primary: bool) -> None:
    if primary:
        raise InvalidParameter("The primary task set cannot be deleted without force.")
    if task_set.scale > 0:
        raise InvalidParameter("The task set cannot be deleted while it is scaled above 0.")


def _id(ctx: RequestContext, service: Service, arguments: Mapping[str, Any]) -> str:
    """A client token makes the id, so a request that is sent again finds what it made before."""
    if "clientToken" not in arguments:
        return deploying.new_id(ctx)
    text = "\0".join((service.arn, service.created_at.isoformat(), arguments["clientToken"]))
    number = int(sha256(text.encode()).hexdigest(), 16) % (9 * 10**18)
    return f"ecs-svc/{10**18 + number}"


def _created_before(world: World, service: Service, task_set_id: str, arguments: Mapping[str, Any]) -> TaskSet | None:
    """The task set that this very request made before. InvalidParameter if its token came with another one."""
    key = deployment_key(service.key, task_set_id)
    found, made_from = world.get(TaskSet, key), world.get(Deployment, key)
    if found is None or made_from is None:
        return None
    definition = arguments["taskDefinition"].rpartition("/")[2].partition(":")[0]
    if (found.external_id, made_from.task_definition[2]) != (arguments.get("externalId"), definition):
        raise InvalidParameter("Creation of task set was not idempotent.")
    return found
