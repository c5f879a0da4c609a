"""Service deployments and revisions: the same Deployment records as DescribeServices shows, under the newer names.

A deployment that was replaced is forgotten when its last task has stopped; so is its revision, which is MISSING then.
"""

from collections.abc import Mapping
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import paging, present_service, references
from moorage.api.ecs.output import given, missing
from moorage.domain import arns
from moorage.domain.errors import InvalidParameter
from moorage.domain.service import COMPLETED, FAILED, IN_PROGRESS, Deployment, Rollout, Service, deployment_key
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World

MAX_DESCRIBED = 20
DIGITS = "ecs-svc/"


async def list_service_deployments(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """The newest last, as their ids are not ordered; `createdAt` bounds are inclusive."""
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    service = references.service(ctx, world, cluster, arguments["service"])
    shown = {}
    for deployment in world.linked(Deployment, "service", service.key):
        brief = _brief(world, service, deployment)
        if _matches(arguments, deployment, brief):
            shown[f"{deployment.created_at.isoformat()} {deployment.id}"] = brief
    found, more = paging.page(ctx, arguments, {key: key for key in shown})
    return {"serviceDeployments": [shown[key] for key in found], **more}


async def describe_service_deployments(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    deployments, failures = [], []
    for arn in _wanted(arguments["serviceDeploymentArns"], "service deployments"):
        found = _find(ctx, world, arn, "service-deployment")
        if found is None:
            failures.append(missing(arn))
        else:
            deployments.append(_full(world, *found))
    return {"serviceDeployments": deployments, "failures": failures}


async def describe_service_revisions(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    revisions, failures = [], []
    for arn in _wanted(arguments["serviceRevisionArns"], "service revisions"):
        found = _find(ctx, world, arn, "service-revision")
        if found is None:
            failures.append(missing(arn))
        else:
            revisions.append(_revision(world, *found))
    return {"serviceRevisions": revisions, "failures": failures}


def status(world: World, service: Service, deployment: Deployment) -> str:
    """How the deployment goes, in the words of service deployments.

    One that failed is rolled back by the deployment that replaces it, where the service asks for that.
    """
    rollout = world.get(Rollout, deployment.key)
    if rollout is not None and rollout.state == COMPLETED:
        return "SUCCESSFUL"
    if rollout is not None and rollout.state == IN_PROGRESS and deployment.id == service.deployment_id:
        return "IN_PROGRESS"
    if rollout is None or rollout.state != FAILED or not service.deployment_configuration.rollback:
        return "STOPPED"
    after = [each for each in world.linked(Rollout, "service", service.key) if _replaces(world, each, deployment)]
    if not after:
        return "STOPPED"
    return "ROLLBACK_SUCCESSFUL" if after[0].state == COMPLETED else "ROLLBACK_IN_PROGRESS"


def _replaces(world: World, rollout: Rollout, deployment: Deployment) -> bool:
    other = world.get(Deployment, rollout.key)
    return other is not None and other.replaces == deployment.id


def _matches(arguments: Mapping[str, Any], deployment: Deployment, brief: Mapping[str, Any]) -> bool:
    statuses, bounds = arguments.get("status"), arguments.get("createdAt", {})
    if statuses and brief["status"] not in statuses:
        return False
    after, before = bounds.get("after"), bounds.get("before")
    return (after is None or deployment.created_at >= after) and (before is None or deployment.created_at <= before)


def _wanted(references_: list[str], what: str) -> list[str]:
    if not 1 <= len(references_) <= MAX_DESCRIBED:
        raise InvalidParameter(f"1 to {MAX_DESCRIBED} {what} can be described at once.")
    return list(dict.fromkeys(references_))


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
    deployment = world.get(Deployment, deployment_key(service.key, DIGITS + words[2]))
    return (service, deployment) if deployment is not None else None


def _brief(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    rollout = world.get(Rollout, deployment.key)
    return given(
        serviceDeploymentArn=present_service.service_deployment_arn(deployment),
        serviceArn=service.arn,
        clusterArn=arns.cluster(service.account, service.region, service.cluster),
        startedAt=deployment.created_at,
        createdAt=deployment.created_at,
        targetServiceRevisionArn=present_service.service_revision_arn(deployment),
        status=status(world, service, deployment),
        statusReason=rollout.reason if rollout is not None else None,
    )


def _full(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    brief = _brief(world, service, deployment)
    del brief["targetServiceRevisionArn"]
    rollout = world.get(Rollout, deployment.key)
    replaced = world.get(Deployment, deployment_key(service.key, deployment.replaces or ""))
    return given(
        **brief,
        updatedAt=rollout.updated_at if rollout is not None else None,
        sourceServiceRevisions=[_counted(world, service, replaced)] if replaced is not None else [],
        targetServiceRevision=_counted(world, service, deployment),
        deploymentConfiguration=present_service.configuration(service.deployment_configuration, service.recorded),
    )


def _counted(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    counts = present_service.count(world, world.linked(Task, "deployment", deployment.key))
    return present_service.revision(service, deployment, counts)


def _revision(world: World, service: Service, deployment: Deployment) -> dict[str, Any]:
    definition = world.get(TaskDefinition, deployment.task_definition)
    containers = definition.containers if definition is not None else ()
    return given(
        serviceRevisionArn=present_service.service_revision_arn(deployment),
        serviceArn=service.arn,
        clusterArn=arns.cluster(service.account, service.region, service.cluster),
        taskDefinition=present_service.definition_arn(world, deployment),
        **present_service.launch_members(deployment),
        loadBalancers=[],
        serviceRegistries=[],
        containerImages=[{"containerName": each.name, "image": each.image} for each in containers],
        guardDutyEnabled=False,
        serviceConnectConfiguration=deployment.connect,
        createdAt=deployment.created_at,
    )
