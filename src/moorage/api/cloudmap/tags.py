"""Tags of namespaces and services."""

from dataclasses import replace
from typing import Any

from moorage.api.cloudmap import lookup
from moorage.api.context import RequestContext
from moorage.domain import registry_errors
from moorage.domain.changes import Put
from moorage.domain.registry import Namespace, RegistryService

MAX_TAGS = 50


async def tag_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = lookup.tagged(ctx, given["ResourceARN"])
    merged = {**current.tags, **lookup.tags(given["Tags"])}
    if len(merged) > MAX_TAGS:
        raise registry_errors.TooManyTags(current.arn)
    await _retag(ctx, current, merged)
    return {}


async def untag_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = lookup.tagged(ctx, given["ResourceARN"])
    gone = frozenset(given["TagKeys"])
    await _retag(ctx, current, {key: value for key, value in current.tags.items() if key not in gone})
    return {}


async def list_tags_for_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    tags = lookup.tagged(ctx, given["ResourceARN"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


async def _retag(ctx: RequestContext, current: Namespace | RegistryService, tags: dict[str, str]) -> None:
    expect = {(current.table, current.key): ctx.world().version(type(current), current.key)}
    await ctx.store.commit([Put(replace(current, tags=tags))], expect)
