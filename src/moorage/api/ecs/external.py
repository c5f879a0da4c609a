"""Services that an external deployment controller deploys: what CreateService and UpdateService take for them.

Their tasks are made by task sets, so what belongs to those is refused here. Source: Amazon ECS API reference,
CreateService and UpdateService; developer guide, "Deploy Amazon ECS services using a third-party controller".
"""

from collections.abc import Mapping
from typing import Any, Final

from moorage.api.context import RequestContext
from moorage.api.ecs import tagging
from moorage.domain import arns, placement_rules, service_rules
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.service import DAEMON, EXTERNAL, REPLICA, DeploymentConfiguration, Service
from moorage.domain.service_rules import EC2

_OF_TASK_SETS: Final = (
    "taskDefinition",
    "launchType",
    "platformVersion",
    "networkConfiguration",
    "capacityProviderStrategy",
    "serviceRegistries",
)
"""Members of a service that its task sets have instead."""
_OF_ROLLING: Final = (
    ("deploymentCircuitBreaker", "Deployment circuit breaker"),
    ("alarms", "Deployment alarms"),
    ("earlySuccessCriteria", "Early success criteria"),
)


def service(
    ctx: RequestContext, cluster: Cluster, arguments: Mapping[str, Any], recorded: Mapping[str, Any]
) -> Service:
    """The service that a CreateService with the controller EXTERNAL asks for. InvalidParameter."""
    for name in _OF_TASK_SETS:
        if arguments.get(name):
            raise InvalidParameter(f"{name[0].upper()}{name[1:]} must be blank")
    if arguments.get("schedulingStrategy", REPLICA) == DAEMON:
        raise InvalidParameter("The daemon scheduling strategy does not support the EXTERNAL deployment controller.")
    _check_connect(arguments)
    constraints = _placement(arguments)
    count = arguments.get("desiredCount", 0)
    service_rules.check_desired_count(count)
    service = Service(
        account=ctx.account,
        region=ctx.region,
        cluster=cluster.name,
        name=arguments["serviceName"],
        created_at=ctx.now(),
        created_by=arns.root_user(ctx.account),
        desired_count=count,
        scheduling_strategy=REPLICA,
        deployment_id="",
        deployment_configuration=_configuration(arguments, DeploymentConfiguration()),
        health_check_grace_period=arguments.get("healthCheckGracePeriodSeconds", 0),
        recorded=dict(recorded),
        tags=tagging.read(arguments.get("tags", [])),
        placement_constraints=constraints,
        controller=EXTERNAL,
    )
    return placement_rules.settled_rebalancing(service, arguments.get("availabilityZoneRebalancing"))


def updated(service: Service, arguments: Mapping[str, Any]) -> DeploymentConfiguration:
    """The deployment configuration after an UpdateService, which may not touch what task sets have."""
    for name in _OF_TASK_SETS:
        if name in arguments:
            raise InvalidParameter(
                f"Unable to update {_words(name)} on services with an EXTERNAL deployment controller. "
                "Use CreateTaskSet to trigger a new deployment."
            )
    if arguments.get("forceNewDeployment", False):
        raise InvalidParameter(
            "Unable to force a new deployment on services with an EXTERNAL deployment controller. "
            "Use CreateTaskSet to trigger a new deployment."
        )
    _check_connect(arguments)
    _placement(arguments)
    return _configuration(arguments, service.deployment_configuration)


def _check_connect(arguments: Mapping[str, Any]) -> None:
    """Service Connect works with the rolling deployments of ECS alone (developer guide, "Service Connect")."""
    if arguments.get("serviceConnectConfiguration", {}).get("enabled", False):
        raise InvalidParameter("Service Connect is not supported with the EXTERNAL deployment controller.")


def _placement(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The placement constraints. Whether task sets can have them is asked when one is created."""
    placement_rules.check_strategies(arguments.get("placementStrategy", ()), EC2, REPLICA)
    return placement_rules.constraints(arguments.get("placementConstraints", ()), EC2, REPLICA)


def _configuration(arguments: Mapping[str, Any], current: DeploymentConfiguration) -> DeploymentConfiguration:
    """The percentages: a circuit breaker and alarms watch the deployments of ECS's own controller."""
    given = arguments.get("deploymentConfiguration", {})
    for name, what in _OF_ROLLING:
        if given.get(name, {}).get("enable", False):
            raise InvalidParameter(f"{what} can only be used with the ECS deployment controller.")
    if given.get("bakeTimeInMinutes"):
        raise InvalidParameter("bakeTimeInMinutes can only be used with the ECS deployment controller.")
    return service_rules.deployment_configuration(given, current)


def _words(member: str) -> str:
    """`taskDefinition` as `task definition`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in member)
