"""A new deployment of a service: its records, put into the draft of the commit that asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import connect, launching, networks, references, registries
from moorage.api.ecs.draft import Draft
from moorage.domain import service_registry, service_rules
from moorage.domain.cluster import Cluster
from moorage.domain.service import IN_PROGRESS, Deployment, Rollout
from moorage.domain.task_definition import TaskDefinition


@dataclass(frozen=True)
class Wanted:
    """What a deployment shall be like. `deployment` has no frozen names yet; those come with Service Connect."""

    deployment: Deployment
    definition: TaskDefinition
    cluster: Cluster


def new_id(ctx: RequestContext) -> str:
    return f"ecs-svc/{ctx.ids.digits(19)}"


async def wanted(
    ctx: RequestContext, draft: Draft, cluster: Cluster, service: str, arguments: Mapping[str, Any]
) -> Wanted:
    """The deployment that a request describes: task definition, launch, network. Errors of `domain`."""
    definition = references.runnable_definition(ctx, draft.world, arguments["taskDefinition"])
    launch = launching.read(arguments, cluster)
    network = service_rules.network(arguments.get("networkConfiguration"), definition)
    deployment = Deployment(
        account=ctx.account,
        region=ctx.region,
        cluster=cluster.name,
        service=service,
        id=new_id(ctx),
        created_at=ctx.now(),
        task_definition=definition.key,
        launch_type=launch.launch_type,
        platform_version=launch.platform_version,
        network=network,
        subnets=await networks.subnets(ctx, network),
        capacity_provider_strategy=launch.strategy,
        registries=service_registry.read(arguments.get("serviceRegistries", ())),
    )
    return Wanted(deployment, definition, cluster)


def deploy(ctx: RequestContext, draft: Draft, wanted: Wanted) -> Deployment:
    """Check that it can run here, join Service Connect, and put Deployment and Rollout. Errors of `domain`."""
    template = wanted.deployment
    request = connect.Request(template.service_key, template.connect, wanted.definition, template.launch_type)
    joined = connect.join(ctx, draft, request)
    service_rules.check_runs_here(wanted.definition, template.launch_type)
    registries.check(draft, template, wanted.definition)
    draft.rest_on(wanted.cluster)
    draft.rest_on(wanted.definition)
    deployment = replace(
        template,
        connect=joined.document,
        namespace_id=joined.namespace_id,
        known=joined.known,
        discovery=joined.discovery,
    )
    draft.put(deployment)
    draft.put(begun(deployment))
    return deployment


def same(one: Deployment, other: Deployment) -> bool:
    """True when nothing differs that starts a new deployment (reference section 1.4)."""
    return _recipe(one) == _recipe(other)


def _recipe(deployment: Deployment) -> tuple[object, ...]:
    return (
        deployment.task_definition,
        deployment.network,
        deployment.launch_type,
        deployment.platform_version,
        deployment.capacity_provider_strategy,
        deployment.connect or {"enabled": False},
        deployment.registries,
    )


def begun(deployment: Deployment) -> Rollout:
    """How a deployment goes that nothing was done for yet."""
    return Rollout(
        account=deployment.account,
        region=deployment.region,
        cluster=deployment.cluster,
        service=deployment.service,
        id=deployment.id,
        state=IN_PROGRESS,
        reason=f"ECS deployment {deployment.id} in progress.",
        updated_at=deployment.created_at,
    )
