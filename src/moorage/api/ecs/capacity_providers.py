"""Capacity providers: create, update, describe, delete. FARGATE and FARGATE_SPOT are there from the beginning.

A provider of one's own is recorded with what it asks of its Auto Scaling group; its tasks run on this machine as those
of the EC2 launch type do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import paging, tagging
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import missing
from moorage.domain import arns
from moorage.domain import cluster as cluster_words
from moorage.domain.capacity import ACTIVE, CapacityProvider
from moorage.domain.cluster import Cluster
from moorage.domain.errors import ClientMistake, InvalidParameter
from moorage.domain.service import Deployment
from moorage.domain.service_rules import FARGATE, FARGATE_SPOT
from moorage.domain.world import World

BUILT_IN = (FARGATE, FARGATE_SPOT)
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
RESERVED = ("aws", "ecs", "fargate")
PAGE = 10
_SCALING = {
    "status": "ENABLED",
    "targetCapacity": 100,
    "minimumScalingStepSize": 1,
    "maximumScalingStepSize": 10000,
    "instanceWarmupPeriod": 300,
}
_GROUP = {"managedScaling": {}, "managedTerminationProtection": "DISABLED", "managedDraining": "ENABLED"}


async def create_capacity_provider(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    name = arguments["name"]
    if not NAME.fullmatch(name) or name.lower().startswith(RESERVED):
        raise InvalidParameter(
            "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters, "
            "numbers, underscores, and hyphens. The name cannot be prefixed with 'aws', 'ecs', or 'fargate'."
        )
    if "autoScalingGroupProvider" not in arguments:
        raise InvalidParameter("The capacity provider must have an autoScalingGroupProvider.")
    draft = Draft(ctx.world())
    if draft.world.get(CapacityProvider, (ctx.account, ctx.region, name)) is not None:
        raise ClientMistake("The specified capacity provider already exists. Specify a unique name and try again.")
    group = _filled(arguments["autoScalingGroupProvider"], {})
    provider = CapacityProvider(ctx.account, ctx.region, name, group, tags=tagging.read(arguments.get("tags", [])))
    draft.put(provider)
    await draft.commit(ctx.store)
    return {"capacityProvider": _present(provider, with_tags=True)}


async def update_capacity_provider(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    found = _own(ctx, draft.world, arguments["name"], "updated")
    group = _filled(arguments.get("autoScalingGroupProvider", {}), found.auto_scaling)
    found = replace(found, auto_scaling=group, updated="UPDATE_COMPLETE")
    draft.put(found)
    await draft.commit(ctx.store)
    return {"capacityProvider": _present(found, with_tags=True)}


async def describe_capacity_providers(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    everything = {provider.name: provider for provider in world.within(CapacityProvider, ctx.account, ctx.region)}
    with_tags = "TAGS" in arguments.get("include", [])
    wanted = arguments.get("capacityProviders") or [*BUILT_IN, *everything]
    shown, failures = {}, []
    for reference in dict.fromkeys(wanted):
        name = _name(ctx, reference)
        if name in BUILT_IN:
            shown[name] = _built_in(ctx, name)
        elif name in everything:
            shown[name] = _present(everything[name], with_tags)
        else:
            failures.append(missing(_arn(ctx, reference)))
    found, more = paging.page(ctx, arguments, {name: name for name in shown}, PAGE)
    return {"capacityProviders": [shown[name] for name in found], "failures": failures, **more}


async def delete_capacity_provider(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    found = _own(ctx, draft.world, arguments["capacityProvider"], "deleted")
    if any(_users(draft.world, found)):
        raise ClientMistake(
            "The specified capacity provider is in use and cannot be removed. Remove it from the clusters and "
            "services that use it and try again."
        )
    draft.delete(found)
    await draft.commit(ctx.store)
    gone = {"status": "INACTIVE", "updateStatus": "DELETE_COMPLETE"}
    return {"capacityProvider": {**_present(found, with_tags=True), **gone}}


def check_known(world: World, account: str, region: str, names: Iterable[str]) -> list[CapacityProvider]:
    """The providers of those names that are not built in. InvalidParameter for one that there is not."""
    found = []
    for name in names:
        if name in BUILT_IN:
            continue
        provider = world.get(CapacityProvider, (account, region, name))
        if provider is None:
            raise InvalidParameter(
                f"The specified capacity provider {name} was not found. Specify a valid name and try again."
            )
        found.append(provider)
    return found


def _own(ctx: RequestContext, world: World, reference: str, what: str) -> CapacityProvider:
    name = _name(ctx, reference)
    if name in BUILT_IN:
        raise ClientMistake(f"The capacity provider {name} is one of AWS's own and cannot be {what}.")
    found = world.get(CapacityProvider, (ctx.account, ctx.region, name))
    if found is None:
        raise InvalidParameter("The specified capacity provider does not exist. Specify a valid name and try again.")
    return found


def _users(world: World, provider: CapacityProvider) -> Iterator[str]:
    for cluster in world.within(Cluster, provider.account, provider.region):
        if cluster.status != cluster_words.INACTIVE and provider.name in cluster.capacity_providers:
            yield cluster.arn
    for deployment in world.within(Deployment, provider.account, provider.region):
        if any(each["capacityProvider"] == provider.name for each in deployment.capacity_provider_strategy):
            yield deployment.id


def _filled(given: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, else what there is, else ECS's defaults."""
    group = {**_GROUP, **current, **given}
    group["managedScaling"] = {**_SCALING, **current.get("managedScaling", {}), **given.get("managedScaling", {})}
    scaling = group["managedScaling"]
    if not 1 <= scaling["targetCapacity"] <= 100:
        raise InvalidParameter("targetCapacity must be between 1 and 100.")
    if not 1 <= scaling["minimumScalingStepSize"] <= scaling["maximumScalingStepSize"] <= 10000:
        raise InvalidParameter("The scaling step sizes must be between 1 and 10000, the minimum not above the maximum.")
    if group["managedTerminationProtection"] == "ENABLED" and scaling["status"] == "DISABLED":
        raise InvalidParameter("Managed termination protection needs managed scaling to be ENABLED.")
    return group


def _name(ctx: RequestContext, reference: str) -> str:
    """The short name; an ARN of another account or region names nothing here."""
    arn = arns.parse(reference)
    if arn is None:
        return reference
    here = (arn.service, arn.account, arn.region) == ("ecs", ctx.account, ctx.region)
    return arn.resource.removeprefix("capacity-provider/") if here else reference


def _arn(ctx: RequestContext, reference: str) -> str:
    return reference if arns.parse(reference) else arns.capacity_provider(ctx.account, ctx.region, reference)


def _built_in(ctx: RequestContext, name: str) -> dict[str, Any]:
    arn = arns.capacity_provider(ctx.account, ctx.region, name)
    return {"capacityProviderArn": arn, "name": name, "status": ACTIVE, "tags": [], "type": name}


def _present(provider: CapacityProvider, with_tags: bool) -> dict[str, Any]:
    return {
        "capacityProviderArn": arns.capacity_provider(*provider.key),
        "name": provider.name,
        "status": ACTIVE,
        "autoScalingGroupProvider": provider.auto_scaling,
        "updateStatus": provider.updated,
        "tags": tagging.present(provider.tags) if with_tags else [],
        "type": "EC2_AUTOSCALING",
    }
