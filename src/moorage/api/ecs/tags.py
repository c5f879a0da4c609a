"""TagResource, UntagResource and ListTagsForResource for everything of ECS that has tags."""

from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import references, tagging
from moorage.api.ecs.draft import Draft
from moorage.domain import arns
from moorage.domain.arns import Arn
from moorage.domain.capacity import CapacityProvider, ContainerInstance
from moorage.domain.cluster import INACTIVE, Cluster
from moorage.domain.errors import InvalidParameter, ResourceNotFound
from moorage.domain.service import Service
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition, parse_reference
from moorage.domain.task_set import TaskSet
from moorage.domain.world import World

Tagged = CapacityProvider | Cluster | ContainerInstance | Service | Task | TaskDefinition | TaskSet
KINDS = ("capacity-provider", "cluster", "container-instance", "service", "task", "task-definition", "task-set")


async def tag_resource(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    found = _find(ctx, draft.world, arguments["resourceArn"])
    draft.put(replace(found, tags=tagging.merged(found.tags, tagging.read(arguments["tags"]))))
    await draft.commit(ctx.store)
    return {}


async def untag_resource(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    found = _find(ctx, draft.world, arguments["resourceArn"])
    gone = arguments["tagKeys"]
    draft.put(replace(found, tags={key: value for key, value in found.tags.items() if key not in gone}))
    await draft.commit(ctx.store)
    return {}


async def list_tags_for_resource(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"tags": tagging.present(_find(ctx, ctx.world(), arguments["resourceArn"]).tags)}


def _find(ctx: RequestContext, world: World, text: str) -> Tagged:
    """The resource behind an ARN. InvalidParameter for what is no ARN or has no tags, ResourceNotFound."""
    arn = arns.parse(text)
    if arn is None or arn.service != "ecs":
        raise InvalidParameter(f"Invalid ARN: {text}")
    kind, _, name = arn.resource.partition("/")
    if kind not in KINDS:
        raise InvalidParameter(f"Tags of a {kind} are not supported by Moorage.")
    found = None
    if (arn.account, arn.region) == (ctx.account, ctx.region):
        found = _cluster(world, arn, name) if kind == "cluster" else _within(world, arn, kind, name)
    if found is None:
        raise ResourceNotFound(text)
    return found


def _cluster(world: World, arn: Arn, name: str) -> Cluster | None:
    cluster = world.get(Cluster, (arn.account, arn.region, name))
    if cluster is not None and cluster.status == INACTIVE:
        raise InvalidParameter("The specified cluster is inactive. Specify an active cluster and try again.")
    return cluster


def _within(world: World, arn: Arn, kind: str, name: str) -> Tagged | None:
    scope = (arn.account, arn.region)
    if kind == "task-definition":
        family, revision = parse_reference(name)
        return world.get(TaskDefinition, (*scope, family, f"{revision:010d}")) if revision is not None else None
    if kind == "capacity-provider":
        return world.get(CapacityProvider, (*scope, name))
    key = (*scope, *name.split("/"))
    if kind == "container-instance":
        instance = world.get(ContainerInstance, key[:-1])
        return instance if instance is not None and instance.id == key[-1] else None
    if kind == "task":
        return world.get(Task, key)
    if kind == "task-set":
        return world.get(TaskSet, (*key[:4], "/".join(key[4:])))
    service = world.get(Service, key)
    return None if service is None or references.is_inactive(world, service) else service
