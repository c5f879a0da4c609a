"""UpdateService: a new deployment when, and only when, what its tasks are made from changes or it is forced.

Reference section 1.4 lists the members that start a deployment, and so thaw the set of names that a service knows.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import (
    connect,
    deploying,
    execute_command,
    external,
    launching,
    namespaces,
    networks,
    present_service,
    references,
    services,
)
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.launching import Launch
from moorage.domain import placement_rules, service_registry, service_rules
from moorage.domain.cluster import Cluster
from moorage.domain.errors import (
    InvalidParameter,
    ServiceNotActive,
    ServiceNotFound,
    TaskDefinitionNotFound,
    Unsupported,
)
from moorage.domain.service import DAEMON, EXTERNAL, Deployment, Service, deployment_key
from moorage.domain.service_registry import ServiceRegistry
from moorage.domain.task_definition import TaskDefinition


async def update_service(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    await namespaces.settle(ctx, arguments)
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    service = _updatable(ctx, draft, cluster, arguments["service"])
    _check_controller(service, arguments)
    if service.controller == EXTERNAL:
        service = _external(service, arguments)
        placement_rules.check_rebalancing(service)
        draft.put(service)
        return {"service": present_service.service(await draft.commit(ctx.store), service)}
    current = draft.world.get(Deployment, deployment_key(service.key, service.deployment_id))
    if current is None:
        raise ServiceNotFound(arguments["service"])
    wanted = await _deployment(ctx, draft, cluster, arguments, current)
    if arguments.get("forceNewDeployment", False) or not deploying.same(wanted.deployment, current):
        service = replace(service, deployment_id=deploying.deploy(ctx, draft, wanted).id)
    service = _changed(service, arguments, wanted.deployment.launch_type)
    service_registry.check_count(service.desired_count, wanted.deployment.registries)
    execute_command.check_role(wanted.definition, service.recorded, {}, "service couldn't be updated")
    draft.put(service)
    world = await draft.commit(ctx.store)
    return {"service": present_service.service(world, service)}


def _updatable(ctx: RequestContext, draft: Draft, cluster: Cluster, reference: str) -> Service:
    key = references.service_key(ctx, cluster, reference)
    service = draft.world.get(Service, key) if key is not None else None
    if service is None:
        raise ServiceNotFound(reference)
    if service.deleted_at is not None:
        raise ServiceNotActive(reference)
    return service


def _check_controller(service: Service, arguments: Mapping[str, Any]) -> None:
    asked = arguments.get("deploymentController", {}).get("type", service.controller)
    if asked != service.controller:
        raise Unsupported(
            f"A change of the deployment controller from {service.controller} to {asked}",
            "create a service with that controller.",
        )


def _external(service: Service, arguments: Mapping[str, Any]) -> Service:
    """What an UpdateService may change of a service whose tasks are in task sets."""
    configuration = external.updated(service, arguments)
    constraints = arguments.get("placementConstraints", service.placement_constraints)
    desired_count = arguments.get("desiredCount", service.desired_count)
    service_rules.check_desired_count(desired_count)
    return replace(
        service,
        deployment_configuration=configuration,
        placement_constraints=tuple(dict(each) for each in constraints),
        desired_count=desired_count,
        health_check_grace_period=arguments.get("healthCheckGracePeriodSeconds", service.health_check_grace_period),
        recorded={**service.recorded, **services.read_recorded(arguments)},
    )


async def _deployment(
    ctx: RequestContext, draft: Draft, cluster: Cluster, arguments: Mapping[str, Any], current: Deployment
) -> deploying.Wanted:
    """The current deployment with what the request changes."""
    definition = _definition(ctx, draft, arguments, current)
    launch = _launch(arguments, cluster, current)
    given = arguments.get("networkConfiguration")
    network = service_rules.network(current.network if given is None else given, definition)
    asked = arguments.get("serviceConnectConfiguration", current.connect)
    deployment = replace(
        current,
        id=deploying.new_id(ctx),
        created_at=ctx.now(),
        task_definition=definition.key,
        launch_type=launch.launch_type,
        platform_version=launch.platform_version,
        capacity_provider_strategy=launch.strategy,
        network=network,
        subnets=current.subnets if network == current.network else await networks.subnets(ctx, network),
        connect=connect.resolved(asked, cluster, current.connect),
        registries=_registries(arguments, current),
        replaces=current.id,
    )
    return deploying.Wanted(deployment, definition, cluster)


def _registries(arguments: Mapping[str, Any], current: Deployment) -> tuple[ServiceRegistry, ...]:
    """An empty list takes the service out of service discovery."""
    if "serviceRegistries" not in arguments:
        return current.registries
    return service_registry.read(arguments["serviceRegistries"])


def _definition(ctx: RequestContext, draft: Draft, arguments: Mapping[str, Any], current: Deployment) -> TaskDefinition:
    """The one that is named; else the current one, which may have been deregistered since."""
    if "taskDefinition" in arguments:
        return references.runnable_definition(ctx, draft.world, arguments["taskDefinition"])
    found = draft.world.get(TaskDefinition, current.task_definition)
    if found is None:
        raise TaskDefinitionNotFound("/".join(current.task_definition[2:]))
    return found


def _launch(arguments: Mapping[str, Any], cluster: Cluster, current: Deployment) -> Launch:
    """An empty strategy goes back to the launch type."""
    version = arguments.get("platformVersion", current.platform_version)
    if "capacityProviderStrategy" not in arguments:
        platform = service_rules.platform_version(current.launch_type, version)
        return Launch(current.launch_type, platform, current.capacity_provider_strategy)
    strategy = arguments["capacityProviderStrategy"]
    return launching.with_strategy(strategy, cluster, current.launch_type, version)


def _changed(service: Service, arguments: Mapping[str, Any], launch_type: str) -> Service:
    """The members that take effect without a deployment."""
    strategy = service.scheduling_strategy
    if strategy == DAEMON and "desiredCount" in arguments:
        raise InvalidParameter(service_rules.NO_DESIRED_COUNT)
    desired_count = arguments.get("desiredCount", service.desired_count)
    service_rules.check_desired_count(desired_count)
    placement_rules.check_strategies(arguments.get("placementStrategy", ()), launch_type, strategy)
    constraints = arguments.get("placementConstraints", service.placement_constraints)
    changed = replace(
        service,
        placement_constraints=placement_rules.constraints(constraints, launch_type, strategy),
        desired_count=desired_count,
        deployment_configuration=service_rules.deployment_configuration(
            arguments.get("deploymentConfiguration", {}), service.deployment_configuration
        ),
        health_check_grace_period=arguments.get("healthCheckGracePeriodSeconds", service.health_check_grace_period),
        recorded={**service.recorded, **services.read_recorded(arguments)},
    )
    placement_rules.check_rebalancing(changed)
    return changed
