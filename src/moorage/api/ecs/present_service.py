"""A service and its deployments as DescribeServices shows them. Counts are counted from the records of tasks.

The Service Connect configuration is shown on deployments only, as ECS does (reference section 1.1).
"""

from dataclasses import dataclass
from typing import Any

from moorage.api.ecs import present_task_set, tagging
from moorage.api.ecs.output import given
from moorage.domain import arns
from moorage.domain.changes import Key
from moorage.domain.service import (
    ACTIVE,
    DRAINING,
    EXTERNAL,
    INACTIVE,
    PRIMARY,
    Alarms,
    CircuitBreaker,
    Deployment,
    DeploymentConfiguration,
    EarlySuccess,
    PastDeployment,
    Rollout,
    Service,
    ServiceProgress,
    deployment_key,
)
from moorage.domain.service_rules import FARGATE
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.task_set import TaskSet
from moorage.domain.world import World
from moorage.planning import capacity


@dataclass(frozen=True)
class Counts:
    """Tasks that run, that are on their way, and that nobody stopped."""

    running: int = 0
    pending: int = 0
    wanted: int = 0


def service(world: World, found: Service, with_tags: bool = True) -> dict[str, Any]:
    progress = world.get(ServiceProgress, found.key)
    deployments = [] if found.controller == EXTERNAL else _deployments(world, found)
    counts = {each.id: count(world, each.key) for each, _ in deployments}
    primary = deployment(world, found, found.deployment_id)
    wanted = desired_count(world, found)
    return given(
        serviceArn=found.arn,
        serviceName=found.name,
        clusterArn=arns.cluster(found.account, found.region, found.cluster),
        loadBalancers=[],
        serviceRegistries=registries(primary),
        status=status(found, progress),
        desiredCount=wanted,
        runningCount=world.count_linked(Task, "service-running", found.key),
        pendingCount=world.count_linked(Task, "service-pending", found.key),
        **(made_from(world, primary) if primary is not None else {}),
        deploymentConfiguration=configuration(found.deployment_configuration),
        taskSets=_task_sets(world, found, with_tags),
        deployments=[_deployment(world, found, *each, counts[each[0].id], wanted) for each in deployments],
        events=[
            {"id": event.id, "createdAt": event.at, "message": event.message}
            for event in (progress.events if progress is not None else ())
        ],
        createdAt=found.created_at,
        currentServiceDeployment=_current(found, deployments),
        currentServiceRevisions=[revision(found, each, counts[each.id], wanted) for each, _ in deployments],
        placementConstraints=list(found.placement_constraints),
        placementStrategy=found.recorded.get("placementStrategy", []),
        healthCheckGracePeriodSeconds=found.health_check_grace_period,
        schedulingStrategy=found.scheduling_strategy,
        deploymentController={"type": found.controller},
        tags=tagging.present(found.tags) if with_tags and found.tags else None,
        createdBy=found.created_by,
        enableECSManagedTags=found.recorded.get("enableECSManagedTags", False),
        propagateTags=found.recorded.get("propagateTags", "NONE"),
        enableExecuteCommand=found.recorded.get("enableExecuteCommand", False),
        availabilityZoneRebalancing=found.recorded.get("availabilityZoneRebalancing"),
    )


def deployment(world: World, found: Service, deployment_id: str) -> Deployment | None:
    """A deployment of the service by its id, whether or not it is over."""
    key = deployment_key(found.key, deployment_id)
    past = world.get(PastDeployment, key)
    return world.get(Deployment, key) or (past.deployment if past is not None else None)


def registries(made_for: Deployment | None) -> list[dict[str, Any]]:
    """The service registries of a deployment or task set."""
    return [each.document() for each in made_for.registries] if made_for is not None else []


def desired_count(world: World, found: Service) -> int:
    """The count that was asked for; that of a DAEMON follows from the container instances."""
    primary = world.get(Deployment, deployment_key(found.key, found.deployment_id))
    return found.desired_count if primary is None else capacity.desired_count(world, found, primary)


def status(found: Service, progress: ServiceProgress | None) -> str:
    """ACTIVE; DRAINING once deleted; INACTIVE when its last task is gone."""
    if progress is not None and progress.inactive_at is not None:
        return INACTIVE
    return ACTIVE if found.deleted_at is None else DRAINING


def count(world: World, deployment: Key) -> Counts:
    """Of the deployment's tasks; `domain/standing` says which count as what."""
    look_ups = ("deployment-running", "deployment-pending", "deployment-wanted")
    return Counts(*(world.count_linked(Task, look_up, deployment) for look_up in look_ups))


def launch_members(deployment: Deployment) -> dict[str, Any]:
    """Launch type or capacity provider strategy, whichever was asked for, and the platform."""
    strategy = list(deployment.capacity_provider_strategy)
    fargate = deployment.launch_type == FARGATE
    return given(
        launchType=None if strategy else deployment.launch_type,
        capacityProviderStrategy=strategy or None,
        platformVersion=deployment.platform_version,
        platformFamily="Linux" if fargate else None,
        networkConfiguration=deployment.network,
    )


def made_from(world: World, deployment: Deployment) -> dict[str, Any]:
    return {**launch_members(deployment), "taskDefinition": definition_arn(world, deployment)}


def task_sets(world: World, found: Service) -> list[TaskSet]:
    """The service's task sets, the oldest first."""
    return sorted(world.linked(TaskSet, "service", found.key), key=lambda each: (each.created_at, each.id))


def task_set(world: World, found: Service, one: TaskSet, with_tags: bool = True) -> dict[str, Any]:
    """A task set of the service."""
    counts = count(world, one.key)
    deployment = world.get(Deployment, one.key)
    counted = {
        **(made_from(world, deployment) if deployment is not None else {}),
        "pendingCount": counts.pending,
        "runningCount": counts.running,
        "serviceRegistries": registries(deployment),
    }
    return present_task_set.document(found, one, world.get(Rollout, one.key), counted, with_tags)


def definition_arn(world: World, deployment: Deployment) -> str:
    """The ARN of the deployment's task definition, whether or not its record is still there."""
    found = world.get(TaskDefinition, deployment.task_definition)
    if found is not None:
        return found.arn
    account, region, family, revision = deployment.task_definition
    return arns.task_definition(account, region, family, int(revision))


def revision(found: Service, deployment: Deployment, counts: Counts, wanted: int) -> dict[str, Any]:
    """A service revision with its tasks; `wanted` is the desired count of the service."""
    primary = deployment.id == found.deployment_id
    return {
        "arn": service_revision_arn(deployment),
        "requestedTaskCount": wanted if primary else counts.wanted,
        "runningTaskCount": counts.running,
        "pendingTaskCount": counts.pending,
    }


def service_revision_arn(deployment: Deployment) -> str:
    return arns.service_revision(*_place(deployment))


def service_deployment_arn(deployment: Deployment) -> str:
    return arns.service_deployment(*_place(deployment))


def _place(deployment: Deployment) -> tuple[str, str, str, str, str]:
    digits = arns.last(deployment.id)
    return deployment.account, deployment.region, deployment.cluster, deployment.service, digits


def _current(found: Service, deployments: list[tuple[Deployment, Rollout]]) -> str | None:
    """The service deployment that is under way or was the last."""
    primary = next((each for each, _ in deployments if each.id == found.deployment_id), None)
    return service_deployment_arn(primary) if primary is not None else None


def _deployments(world: World, found: Service) -> list[tuple[Deployment, Rollout]]:
    """The primary deployment, then those that are being replaced, the newest first."""
    pairs = []
    for deployment in world.linked(Deployment, "service", found.key):
        rollout = world.get(Rollout, deployment.key)
        if rollout is not None:
            pairs.append((deployment, rollout))
    pairs.sort(key=lambda pair: (pair[0].created_at, pair[0].id), reverse=True)
    pairs.sort(key=lambda pair: pair[0].id != found.deployment_id)
    return pairs


def _task_sets(world: World, found: Service, with_tags: bool) -> list[dict[str, Any]] | None:
    if found.controller != EXTERNAL:
        return None
    return [task_set(world, found, each, with_tags) for each in task_sets(world, found)]


def _deployment(
    world: World, found: Service, deployment: Deployment, rollout: Rollout, counts: Counts, wanted: int
) -> dict[str, Any]:
    primary = deployment.id == found.deployment_id
    resources = [{"discoveryName": name, "discoveryArn": arn} for name, arn in deployment.discovery]
    return given(
        id=deployment.id,
        status=PRIMARY if primary else ACTIVE,
        taskDefinition=definition_arn(world, deployment),
        desiredCount=wanted if primary else counts.wanted,
        pendingCount=counts.pending,
        runningCount=counts.running,
        failedTasks=rollout.failed_tasks,
        createdAt=deployment.created_at,
        updatedAt=rollout.updated_at,
        **launch_members(deployment),
        rolloutState=rollout.state,
        rolloutStateReason=rollout.reason,
        serviceConnectConfiguration=deployment.connect,
        serviceConnectResources=resources or None,
    )


def _breaker(value: CircuitBreaker) -> dict[str, Any]:
    """On or off, and what of the rest is not as it is by default: tools compare what they read with what they sent."""
    default = CircuitBreaker()
    threshold = {"type": value.threshold_type, "value": value.threshold}
    same = (value.threshold_type, value.threshold) == (default.threshold_type, default.threshold)
    return given(
        enable=value.enabled,
        rollback=value.rollback,
        resetOnHealthyTask=None if value.reset else False,
        thresholdConfiguration=None if same else threshold,
    )


def _early(value: EarlySuccess | None) -> dict[str, Any] | None:
    if value is None:
        return None
    cleanup = "DEFERRED" if value.deferred else "BLOCKING"
    rest = {"healthyPercent": value.healthy_percent, "sourceServiceRevisionCleanup": cleanup}
    return {"enable": value.enabled, **(rest if value.enabled else {})}


def _alarms(value: Alarms | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"alarmNames": list(value.names), "enable": value.enabled, "rollback": value.rollback}


def configuration(value: DeploymentConfiguration) -> dict[str, Any]:
    """The deployment configuration as a caller reads it; the circuit breaker is always shown, on or off."""
    return given(
        deploymentCircuitBreaker=_breaker(value.breaker),
        maximumPercent=value.maximum_percent,
        minimumHealthyPercent=value.minimum_healthy_percent,
        alarms=_alarms(value.alarms),
        earlySuccessCriteria=_early(value.early),
        strategy="ROLLING",
        bakeTimeInMinutes=value.bake_minutes or 0,
    )
