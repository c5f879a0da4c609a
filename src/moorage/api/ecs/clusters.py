"""Clusters: CreateCluster, DescribeClusters, ListClusters, UpdateCluster and its settings, DeleteCluster.

Settings, configuration and capacity providers are recorded; the Service Connect default namespace is real.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import (
    account_settings,
    capacity_providers,
    container_instances,
    namespaces,
    paging,
    present_cluster,
    references,
    tagging,
)
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import looked_up
from moorage.domain import arns, capacity_strategy, service_rules
from moorage.domain.account_setting import CONTAINER_INSIGHTS
from moorage.domain.cluster import ACTIVE, INACTIVE, Cluster
from moorage.domain.errors import ClusterContainsServices, ClusterContainsTasks, InvalidParameter
from moorage.domain.service import Service
from moorage.domain.task import Task

DEPROVISIONING = "DEPROVISIONING"
MAX_DESCRIBED = 100


async def create_cluster(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    name = arguments.get("clusterName", references.DEFAULT_CLUSTER)
    service_rules.check_name("Cluster", name)
    await namespaces.settle(ctx, arguments)
    draft = Draft(ctx.world())
    existing = draft.world.get(Cluster, (ctx.account, ctx.region, name))
    if existing is not None and existing.status == ACTIVE:
        if len(arguments) > 1:
            ctx.hint(f"Cluster {name} existed already and is answered as it is: UpdateCluster changes it.")
        return {"cluster": present_cluster.cluster(draft.world, existing)}
    providers, strategy = _capacity(ctx, draft, arguments)
    insights = account_settings.effective(draft.world, ctx.account, ctx.region, CONTAINER_INSIGHTS)
    cluster = Cluster(
        account=ctx.account,
        region=ctx.region,
        name=name,
        status=ACTIVE,
        created_at=ctx.now(),
        default_namespace=_default_namespace(ctx, draft, arguments),
        settings=_settings(((CONTAINER_INSIGHTS, insights),), arguments.get("settings", [])),
        configuration=arguments.get("configuration"),
        capacity_providers=providers,
        default_strategy=strategy,
        tags=tagging.read(arguments.get("tags", [])),
    )
    draft.put(cluster)
    draft.put(container_instances.new_instance(cluster, ctx.machine))
    world = await draft.commit(ctx.store)
    namespaces.go_on(ctx, world, cluster)
    return {"cluster": present_cluster.cluster(world, cluster)}


async def describe_clusters(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    names = arguments.get("clusters") or [references.DEFAULT_CLUSTER]
    if len(names) > MAX_DESCRIBED:
        raise InvalidParameter(f"DescribeClusters takes up to {MAX_DESCRIBED} clusters.")
    include = frozenset(arguments.get("include", []))

    def find(reference: str) -> Cluster | None:
        key = references.cluster_key(ctx, reference)
        return world.get(Cluster, key) if key is not None else None

    found, failures = looked_up(names, find, lambda name: arns.cluster(ctx.account, ctx.region, name))
    return {"clusters": [present_cluster.cluster(world, each, include) for each in found], "failures": failures}


async def list_clusters(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    clusters = ctx.world().within(Cluster, ctx.account, ctx.region)
    items = {each.name: each.arn for each in clusters if each.status != INACTIVE}
    found, more = paging.page(ctx, arguments, items)
    return {"clusterArns": found, **more}


async def update_cluster(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    await namespaces.settle(ctx, arguments)
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments["cluster"])
    if "serviceConnectDefaults" in arguments:
        cluster = replace(cluster, default_namespace=_default_namespace(ctx, draft, arguments))
    cluster = replace(
        cluster,
        settings=_settings(cluster.settings, arguments.get("settings", [])),
        configuration=arguments.get("configuration", cluster.configuration),
    )
    return await _answer(ctx, draft, cluster)


async def update_cluster_settings(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments["cluster"])
    return await _answer(ctx, draft, replace(cluster, settings=_settings(cluster.settings, arguments["settings"])))


async def put_cluster_capacity_providers(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments["cluster"])
    providers, strategy = _capacity(ctx, draft, arguments)
    return await _answer(ctx, draft, replace(cluster, capacity_providers=providers, default_strategy=strategy))


async def delete_cluster(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Two commits: once the cluster is not ACTIVE nothing new can come in, and then it is looked at again.

    A request that decided on the ACTIVE cluster is stale after the first commit; one that was on its way before is
    visible after it.
    """
    cluster = references.cluster(ctx, ctx.world(), arguments["cluster"])
    if cluster.status == INACTIVE:
        return {"cluster": present_cluster.cluster(ctx.world(), cluster)}
    _check_empty(ctx, cluster)
    await _mark(ctx, cluster, DEPROVISIONING)
    try:
        _check_empty(ctx, cluster)
    except (ClusterContainsServices, ClusterContainsTasks):
        await _mark(ctx, cluster, ACTIVE)
        raise
    return await _mark(ctx, cluster, INACTIVE)


def _check_empty(ctx: RequestContext, cluster: Cluster) -> None:
    world = ctx.world()
    if world.count_linked(Service, "listed", cluster.key):
        raise ClusterContainsServices(cluster.name)
    if world.count_linked(Task, "live", cluster.key):
        raise ClusterContainsTasks(cluster.name)


async def _mark(ctx: RequestContext, cluster: Cluster, status: str) -> dict[str, Any]:
    draft = Draft(ctx.world())
    current = draft.world.get(Cluster, cluster.key) or cluster
    return await _answer(ctx, draft, replace(current, status=status))


async def _answer(ctx: RequestContext, draft: Draft, cluster: Cluster) -> dict[str, Any]:
    draft.put(cluster)
    world = await draft.commit(ctx.store)
    namespaces.go_on(ctx, world, cluster)
    return {"cluster": present_cluster.cluster(world, cluster)}


def _default_namespace(ctx: RequestContext, draft: Draft, arguments: Mapping[str, Any]) -> str | None:
    defaults = arguments.get("serviceConnectDefaults")
    return namespaces.for_cluster(ctx, draft, defaults["namespace"]) if defaults is not None else None


def _settings(current: Sequence[tuple[str, str]], changes: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    for setting in changes:
        if "name" not in setting or setting.get("value") not in ("enabled", "disabled", "enhanced"):
            raise InvalidParameter("A cluster setting needs a name, and the value enabled, disabled or enhanced.")
    return tuple({**dict(current), **{each["name"]: each["value"] for each in changes}}.items())


def _capacity(
    ctx: RequestContext, draft: Draft, arguments: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """Capacity providers and the default strategy, which may only name those."""
    providers = tuple(dict.fromkeys(arguments.get("capacityProviders", [])))
    for provider in capacity_providers.check_known(draft.world, ctx.account, ctx.region, providers):
        draft.rest_on(provider)
    return providers, capacity_strategy.read(arguments.get("defaultCapacityProviderStrategy", ()), providers, "default")
