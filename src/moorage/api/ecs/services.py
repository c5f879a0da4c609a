"""Services: create, describe, list, delete. What changes a service is in `service_updates`.

Only intent is written; that tasks start, drain and stop is the engine's doing. An INACTIVE service stays describable
until a new one takes its name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import (
    connect,
    deploying,
    execute_command,
    external,
    namespaces,
    paging,
    present_service,
    references,
    tagging,
)
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import looked_up
from moorage.domain import arns, placement_rules, service_registry, service_rules
from moorage.domain.changes import Key, Link
from moorage.domain.claim import CLIENT_TOKEN, Claim
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter, ServiceNotFound
from moorage.domain.service import (
    DAEMON,
    EXTERNAL,
    REPLICA,
    Deployment,
    DeploymentConfiguration,
    Service,
    ServiceProgress,
)
from moorage.domain.world import World

MAX_DESCRIBED = 10
PAGE = 10
DAEMON_CONFIGURATION = DeploymentConfiguration(maximum_percent=100, minimum_healthy_percent=0)
RECORDED = (
    "availabilityZoneRebalancing",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "placementStrategy",
    "propagateTags",
)


async def create_service(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    await namespaces.settle(ctx, arguments)
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    name = arguments["serviceName"]
    service_rules.check_name("Service", name)
    if (same := _created_before(ctx, draft, cluster, arguments)) is not None:
        return {"service": present_service.service(draft.world, same)}
    if arguments.get("deploymentController", {}).get("type") == EXTERNAL:
        draft.rest_on(cluster)
        service = external.service(ctx, cluster, arguments, read_recorded(arguments))
        _check_free(draft, service.key)
        return await _create(ctx, draft, service, arguments)
    asked = connect.resolved(arguments.get("serviceConnectConfiguration"), cluster, None)
    wanted = await deploying.wanted(ctx, draft, cluster, name, arguments)
    wanted = replace(wanted, deployment=replace(wanted.deployment, connect=asked))
    service = _service(ctx, arguments, wanted.deployment)
    service_registry.check_count(service.desired_count, wanted.deployment.registries)
    execute_command.check_role(wanted.definition, service.recorded, {}, "service couldn't be created")
    _check_free(draft, service.key)
    deploying.deploy(ctx, draft, wanted)
    return await _create(ctx, draft, service, arguments)


async def describe_services(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    wanted = arguments["services"]
    if not wanted:
        raise InvalidParameter("Services cannot be empty.")
    if len(wanted) > MAX_DESCRIBED:
        raise InvalidParameter(f"DescribeServices takes up to {MAX_DESCRIBED} services.")
    with_tags = "TAGS" in arguments.get("include", [])

    def find(reference: str) -> Service | None:
        key = references.service_key(ctx, cluster, reference)
        return world.get(Service, key) if key is not None else None

    found, failures = looked_up(
        wanted, find, lambda name: arns.service(cluster.account, cluster.region, cluster.name, name)
    )
    return {"services": [present_service.service(world, each, with_tags) for each in found], "failures": failures}


async def list_services(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    look_ups: list[Link] = [("listed", cluster.key)]
    for name, member in (("listed-launch", "launchType"), ("listed-strategy", "schedulingStrategy")):
        if member in arguments:
            look_ups.append((name, (*cluster.key, arguments[member])))
    return _listed(ctx, arguments, world, look_ups)


async def list_services_by_namespace(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Services whose primary deployment is in the namespace, of every cluster."""
    world = ctx.world()
    namespace = references.namespace(ctx, world, arguments["namespace"])
    return _listed(ctx, arguments, world, [("listed-namespace", namespace.key)])


def _listed(ctx: RequestContext, arguments: dict[str, Any], world: World, look_ups: list[Link]) -> dict[str, Any]:
    """A page of the services that are in all these look-ups."""
    shortest, *others = sorted(look_ups, key=lambda each: world.count_linked(Service, *each))

    def found(after: Key | None) -> Iterator[Service]:
        walked = world.each_linked(Service, shortest, after)
        return (service for service in walked if all(world.is_linked(service, each) for each in others))

    page, more = paging.walk(ctx, arguments, found, PAGE)
    return {"serviceArns": page, **more}


async def delete_service(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    cluster = references.cluster(ctx, draft.world, arguments.get("cluster"))
    service = references.service(ctx, draft.world, cluster, arguments["service"])
    if service.deleted_at is not None:
        return {"service": present_service.service(draft.world, service)}
    if not arguments.get("force", False):
        _check_idle(draft.world, service)
    draft.put(replace(service, deleted_at=ctx.now(), desired_count=0))
    world = await draft.commit(ctx.store)
    current = world.get(Service, service.key)
    if current is None:
        raise ServiceNotFound(arguments["service"])
    return {"service": present_service.service(world, current)}


def read_recorded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are kept and shown as they were given."""
    return {name: arguments[name] for name in RECORDED if name in arguments}


async def _create(ctx: RequestContext, draft: Draft, service: Service, arguments: Mapping[str, Any]) -> dict[str, Any]:
    draft.put(service)
    draft.put(ServiceProgress(service.account, service.region, service.cluster, service.name))
    if (token := arguments.get("clientToken")) is not None:
        draft.put(_token(ctx, token, service.arn))
    world = await draft.commit(ctx.store)
    return {"service": present_service.service(world, service)}


def _created_before(
    ctx: RequestContext, draft: Draft, cluster: Cluster, arguments: Mapping[str, Any]
) -> Service | None:
    """The service that this very request made before, by its client token. InvalidParameter if it made another."""
    token = arguments.get("clientToken")
    if token is None:
        return None
    claim = draft.world.get(Claim, _token(ctx, token, "").key)
    if claim is None:
        return None
    service = draft.world.get(Service, (*cluster.key, arguments["serviceName"]))
    if service is None or service.arn != claim.owner:
        raise InvalidParameter("Creation of service was not idempotent.")
    return service


def _token(ctx: RequestContext, token: str, owner: str) -> Claim:
    return Claim(ctx.account, ctx.region, CLIENT_TOKEN, ("CreateService", token), owner)


def _check_free(draft: Draft, key: Key) -> None:
    """Refuse a name in use. An INACTIVE service has given back all it held; only its own record is left to replace."""
    draft.rest_on_key(Service, key)
    old = draft.world.get(Service, key)
    if old is None or references.is_inactive(draft.world, old):
        return
    if old.deleted_at is not None:
        raise InvalidParameter("Unable to Start a service that is still Draining.")
    raise InvalidParameter("Creation of service was not idempotent.")


def _service(ctx: RequestContext, arguments: Mapping[str, Any], deployment: Deployment) -> Service:
    strategy = arguments.get("schedulingStrategy", REPLICA)
    launch_type = deployment.launch_type
    placement_rules.check_strategies(arguments.get("placementStrategy", ()), launch_type, strategy)
    constraints = placement_rules.constraints(arguments.get("placementConstraints", ()), launch_type, strategy)
    defaults = DAEMON_CONFIGURATION if strategy == DAEMON else DeploymentConfiguration()
    given = arguments.get("deploymentConfiguration", {})
    service = Service(
        account=ctx.account,
        region=ctx.region,
        cluster=deployment.cluster,
        name=deployment.service,
        created_at=deployment.created_at,
        created_by=arns.root_user(ctx.account),
        desired_count=service_rules.desired_count(arguments, strategy, launch_type),
        scheduling_strategy=strategy,
        deployment_id=deployment.id,
        deployment_configuration=service_rules.deployment_configuration(given, defaults),
        health_check_grace_period=arguments.get("healthCheckGracePeriodSeconds", 0),
        recorded=read_recorded(arguments),
        tags=tagging.read(arguments.get("tags", [])),
        placement_constraints=constraints,
    )
    return placement_rules.settled_rebalancing(service, arguments.get("availabilityZoneRebalancing"))


def _check_idle(world: World, service: Service) -> None:
    """Without force only a service that is scaled down and not being deployed can be deleted."""
    if service.desired_count > 0:
        raise InvalidParameter("The service cannot be stopped while it is scaled above 0.")
    at_rest = 0 if service.controller == EXTERNAL else 1
    if world.count_linked(Deployment, "service", service.key) > at_rest:
        raise InvalidParameter("The service cannot be stopped while deployments are active.")
