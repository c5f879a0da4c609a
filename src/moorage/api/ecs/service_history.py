"""Service deployments and revisions: the same Deployment records as DescribeServices shows, under the newer names.

The last deployments that were replaced are remembered beyond their last task; one older than those is MISSING. To stop
a deployment is an intent on the service: the engine rolls it back.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import paging, present_service, references
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import given, looked_up
from moorage.domain import arns
from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.errors import DeploymentConflict, InvalidParameter, ServiceDeploymentNotFound
from moorage.domain.service import COMPLETED, FAILED, IN_PROGRESS, Deployment, PastDeployment, Rollout, Service
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import history, rollout

MAX_DESCRIBED = 20
DIGITS = "ecs-svc/"
ROLLBACK_REQUESTED = "ROLLBACK_REQUESTED"
OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


async def list_service_deployments(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """The newest first: tools ask for one and take it for the latest. `createdAt` bounds are inclusive."""
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    service = references.service(ctx, world, cluster, arguments["service"])
    shown = {}
    for deployment in _all(world, service):
        brief = _brief(world, service, deployment)
        if _matches(arguments, deployment, brief):
            shown[f"{deployment.created_at.isoformat()} {deployment.id}"] = brief
    found, more = paging.page(ctx, arguments, {key: key for key in shown}, descending=True)
    return {"serviceDeployments": [shown[key] for key in found], **more}


async def describe_service_deployments(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    found, failures = _described(ctx, world, arguments["serviceDeploymentArns"], "service-deployment")
    return {"serviceDeployments": [_full(world, *each) for each in found], "failures": failures}


async def describe_service_revisions(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    found, failures = _described(ctx, world, arguments["serviceRevisionArns"], "service-revision")
    return {"serviceRevisions": [_revision(world, *each) for each in found], "failures": failures}


async def stop_service_deployment(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask for the way back to the last deployment that completed, which there must be."""
    arn = arguments["serviceDeploymentArn"]
    draft = Draft(ctx.world())
    found = _find(ctx, draft.world, arn, "service-deployment")
    if found is None:
        raise ServiceDeploymentNotFound(arn)
    service, deployment = found
    if status(draft.world, service, deployment) == ROLLBACK_REQUESTED:
        return {"serviceDeploymentArn": arn}
    if status(draft.world, service, deployment) != IN_PROGRESS:
        raise DeploymentConflict("The service deployment cannot be stopped because it is not in progress.")
    if history.completed_before(draft.world, deployment) is None:
        raise DeploymentConflict("The service deployment cannot be rolled back: no deployment before it completed.")
    draft.put(replace(service, stopped_deployment=deployment.id))
    await draft.commit(ctx.store)
    return {"serviceDeploymentArn": arn}


def status(world: World, service: Service, deployment: Deployment) -> str:
    """How the deployment goes or went, in the words of service deployments.

    One that failed is rolled back by the deployment that takes its place, where there is one.
    """
    state = _rollout(world, deployment)
    if state is not None and state.state == COMPLETED:
        return "SUCCESSFUL"
    if state is not None and state.state == IN_PROGRESS and deployment.id == service.deployment_id:
        return ROLLBACK_REQUESTED if service.stopped_deployment == deployment.id else IN_PROGRESS
    back = _way_back(world, service, deployment)
    if state is None or state.state != FAILED or back is None:
        return "STOPPED"
    return _how_back(service, back, _rollout(world, back))


def _how_back(service: Service, back: Deployment, state: Rollout | None) -> str:
    """How the deployment that takes the place of a failed one goes."""
    if state is not None and state.state == COMPLETED:
        return "ROLLBACK_SUCCESSFUL"
    running = state is not None and state.state == IN_PROGRESS and back.id == service.deployment_id
    return "ROLLBACK_IN_PROGRESS" if running else "ROLLBACK_FAILED"


def _way_back(world: World, service: Service, deployment: Deployment) -> Deployment | None:
    """The deployment that rolls this one back."""
    return next((each for each in _all(world, service) if each.rolls_back == deployment.id), None)


def _all(world: World, service: Service) -> list[Deployment]:
    """The service's deployments, those that are over first; not those of an older service of the same name."""
    past = [each.deployment for each in world.linked(PastDeployment, "service", service.key)]
    mine = [each for each in past if each.created_at >= service.created_at]
    return mine + world.linked(Deployment, "service", service.key)


def _rollout(world: World, deployment: Deployment) -> Rollout | None:
    past = world.get(PastDeployment, deployment.key)
    return world.get(Rollout, deployment.key) or (past.rollout if past is not None else None)


def _matches(arguments: Mapping[str, Any], deployment: Deployment, brief: Mapping[str, Any]) -> bool:
    statuses, bounds = arguments.get("status"), arguments.get("createdAt", {})
    if statuses and brief["status"] not in statuses:
        return False
    after, before = bounds.get("after"), bounds.get("before")
    return (after is None or deployment.created_at >= after) and (before is None or deployment.created_at <= before)


def _described(
    ctx: RequestContext, world: World, wanted: list[str], kind: str
) -> tuple[list[tuple[Service, Deployment]], list[dict[str, str]]]:
    """What the ARNs of this kind mean, and failures for those that mean nothing any more."""
    if not 1 <= len(wanted) <= MAX_DESCRIBED:
        raise InvalidParameter(f"1 to {MAX_DESCRIBED} {kind.replace('-', ' ')}s can be described at once.")
    return looked_up(wanted, lambda arn: _find(ctx, world, arn, kind), lambda text: text)


def _find(ctx: RequestContext, world: World, text: str, kind: str) -> tuple[Service, Deployment] | None:
    arn = arns.parse(text)
    if arn is None or arn.service != "ecs" or not arn.resource.startswith(f"{kind}/"):
        raise InvalidParameter(f"Invalid ARN: {text}")
    words = arn.resource.split("/")[1:]
    if (arn.account, arn.region) != (ctx.account, ctx.region) or len(words) != 3:
        return None
    service = world.get(Service, (ctx.account, ctx.region, *words[:2]))
    if service is None:
        return None
    deployment = present_service.deployment(world, service, DIGITS + words[2])
    return (service, deployment) if deployment is not None else None


def _brief(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    state = _rollout(world, deployment)
    now = status(world, service, deployment)
    ended_at = _moved_at(world, service, deployment) if now in OVER else None
    return given(
        serviceDeploymentArn=present_service.service_deployment_arn(deployment),
        serviceArn=service.arn,
        clusterArn=arns.cluster(service.account, service.region, service.cluster),
        startedAt=deployment.created_at,
        createdAt=deployment.created_at,
        targetServiceRevisionArn=present_service.service_revision_arn(deployment),
        finishedAt=ended_at if now != "STOPPED" else None,
        status=now,
        statusReason=_reason(deployment, state, now),
    )


def _reason(deployment: Deployment, state: Rollout | None, now: str) -> str | None:
    """Why it has the status: what a rollout says of itself, until another deployment stops it half-way."""
    if state is not None and state.state == IN_PROGRESS and now == "STOPPED":
        return f"ECS deployment {deployment.id} was stopped by a newer deployment."
    return state.reason if state is not None else None


def _stopped_at(world: World, service: Service, deployment: Deployment, state: Rollout) -> datetime:
    """When it stopped: as it failed, or as the next deployment began."""
    later = [each.created_at for each in _all(world, service) if each.created_at > deployment.created_at]
    return min(later, default=state.updated_at) if state.state == IN_PROGRESS else state.updated_at


def _moved_at(world: World, service: Service, deployment: Deployment) -> datetime | None:
    """When its status moved last: the way back is a part of the deployment that failed."""
    back = _way_back(world, service, deployment)
    states = [_rollout(world, each) for each in (deployment, back) if each is not None]
    return max((state.updated_at for state in states if state is not None), default=None)


def _full(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    brief = _brief(world, service, deployment)
    del brief["targetServiceRevisionArn"]
    state = _rollout(world, deployment)
    replaced = present_service.deployment(world, service, deployment.replaces or "")
    stopped = state is not None and brief["status"] == "STOPPED"
    return given(
        **brief,
        stoppedAt=_stopped_at(world, service, deployment, state) if stopped and state is not None else None,
        updatedAt=_moved_at(world, service, deployment),
        rollback=_rollback(world, service, deployment),
        deploymentCircuitBreaker=_breaker(service, state),
        alarms=_alarms(world, service, deployment, state),
        sourceServiceRevisions=[_counted(world, service, replaced)] if replaced is not None else [],
        targetServiceRevision=_counted(world, service, deployment),
        deploymentConfiguration=present_service.configuration(service.deployment_configuration),
    )


def _rollback(world: World, service: Service, deployment: Deployment) -> dict[str, Any] | None:
    back = _way_back(world, service, deployment)
    state = _rollout(world, deployment)
    if back is None or state is None:
        return None
    revision = present_service.service_revision_arn(back)
    return {"reason": state.reason, "startedAt": back.created_at, "serviceRevisionArn": revision}


def _breaker(service: Service, state: Rollout | None) -> dict[str, Any]:
    """What the circuit breaker makes of the deployment."""
    breaker = service.deployment_configuration.breaker
    if not breaker.enabled or state is None:
        return {"status": "DISABLED"}
    threshold = rollout.breaker_threshold(service.desired_count, breaker)
    running = "MONITORING" if state.state == IN_PROGRESS else "MONITORING_COMPLETE"
    triggered = state.state == FAILED and state.failed_tasks >= threshold
    return {
        "status": "TRIGGERED" if triggered else running,
        "failureCount": state.failed_tasks,
        "threshold": threshold,
    }


def _alarms(world: World, service: Service, deployment: Deployment, state: Rollout | None) -> dict[str, Any]:
    """What the alarms make of the deployment; one that was off already as it began lets none of them count."""
    configured = service.deployment_configuration.alarms
    watch = world.get(AlarmWatch, deployment.key)
    if configured is None or not configured.enabled or state is None or (watch is not None and not watch.monitoring):
        return {"status": "DISABLED"}
    running = "MONITORING" if state.state == IN_PROGRESS else "MONITORING_COMPLETE"
    return {
        "status": "TRIGGERED" if state.triggered else running,
        "alarmNames": list(configured.names),
        "triggeredAlarmNames": list(state.triggered),
    }


def _counted(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    counts = present_service.count(world, deployment.key)
    wanted = present_service.desired_count(world, service)
    return present_service.revision(service, deployment, counts, wanted)


def _revision(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    definition = world.get(TaskDefinition, deployment.task_definition)
    containers = definition.containers if definition is not None else ()
    digests = _digests(world, deployment)
    return given(
        serviceRevisionArn=present_service.service_revision_arn(deployment),
        serviceArn=service.arn,
        clusterArn=arns.cluster(service.account, service.region, service.cluster),
        taskDefinition=present_service.definition_arn(world, deployment),
        **present_service.launch_members(deployment),
        loadBalancers=[],
        serviceRegistries=present_service.registries(deployment),
        containerImages=[
            given(containerName=each.name, image=each.image, imageDigest=digests.get(each.name)) for each in containers
        ],
        guardDutyEnabled=False,
        serviceConnectConfiguration=deployment.connect,
        createdAt=deployment.created_at,
    )


def _digests(world: World, deployment: Deployment) -> dict[str, str]:
    """By container the digest of its image, where all tasks that were seen were started from the same one."""
    states = [world.get(TaskState, task.key) for task in world.linked(Task, "deployment", deployment.key)]
    seen: dict[str, set[str]] = {}
    for container in (each for state in states if state is not None for each in state.containers):
        if container.image_digest:
            seen.setdefault(container.name, set()).add(container.image_digest)
    return {name: digests.pop() for name, digests in seen.items() if len(digests) == 1}
