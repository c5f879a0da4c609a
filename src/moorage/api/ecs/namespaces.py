"""The namespace that a cluster gives to its new Service Connect services: found, or made when only a name is given.

Reference section 1.2. A namespace made here is a Cloud Map HTTP namespace like any other: the cluster's commit submits
the operation that makes it, and the cluster is PROVISIONING until that has ended.
"""

import re
from collections.abc import Mapping
from typing import Any

from moorage.api.cloudmap import progress
from moorage.api.cloudmap.progress import Intent
from moorage.api.context import RequestContext
from moorage.api.ecs import present_cluster, references
from moorage.api.ecs.draft import Draft
from moorage.domain import arns, registry_operations
from moorage.domain.claim import HTTP_NAME, Claim, claim_key
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter, NamespaceNotFound
from moorage.domain.registry import HTTP, Namespace
from moorage.domain.world import World

NAME = re.compile(r"[!-~]{1,1024}")
FORBIDDEN = re.compile(r'[<>"/]')


async def settle(ctx: RequestContext, arguments: Mapping[str, Any]) -> None:
    """Walk to its end what makes the namespace that a request needs: its cluster's, and the one it names for that.

    So a request right after CreateCluster finds the cluster ACTIVE, whoever was faster (decision 205).
    """
    world = ctx.world()
    key = references.cluster_key(ctx, arguments.get("cluster") or arguments.get("clusterName"))
    cluster = world.get(Cluster, key) if key is not None else None
    needed = {arguments.get("serviceConnectDefaults", {}).get("namespace"), cluster and cluster.default_namespace}
    for operation in progress.unfinished(world, ctx.account, ctx.region):
        if operation.namespace is not None and needed & {operation.namespace.name, operation.namespace.arn}:
            await progress.advance(ctx.store, ctx.clock, operation.key)


def go_on(ctx: RequestContext, world: World, cluster: Cluster) -> None:
    """After the commit: walk on what makes the cluster's namespace."""
    making = present_cluster.making(world, cluster)
    if making is not None:
        ctx.later(progress.advance(ctx.store, ctx.clock, making.key))


def for_cluster(ctx: RequestContext, draft: Draft, reference: str) -> str | None:
    """The ARN of the namespace, None for the empty name. NamespaceNotFound for an unknown ARN."""
    if not reference:
        return None
    found = references.find_namespace(ctx, draft.world, reference)
    if found is None:
        if arns.parse(reference) is not None:
            raise NamespaceNotFound(reference)
        found = _create(ctx, draft, reference)
    else:
        draft.rest_on(found)
    return found.arn


def _create(ctx: RequestContext, draft: Draft, name: str) -> Namespace:
    if not NAME.fullmatch(name) or FORBIDDEN.search(name):
        raise InvalidParameter(f"The namespace name '{name[:100]}' must not contain spaces, <, >, \" or /.")
    namespace = Namespace(
        account=ctx.account,
        region=ctx.region,
        id=f"ns-{ctx.ids.letters(16)}",
        name=name,
        type=HTTP,
        created_at=ctx.now(),
        creator_request_id=ctx.ids.uuid(),
        properties={"HttpProperties": {"HttpName": _http_name(ctx, draft, name)}},
        tags={"AmazonECSManaged": "true"},
    )
    intent = Intent(registry_operations.CREATE_NAMESPACE, {"NAMESPACE": namespace.id}, namespace=namespace)
    draft.put(progress.drafted(ctx, intent))
    for claim in namespace.claims():
        draft.put(claim)
    return namespace


def _http_name(ctx: RequestContext, draft: Draft, name: str) -> str:
    """The name itself; with a suffix where another namespace goes by it in discovery (reference section 4.1)."""
    taken = draft.world.get(Claim, claim_key(ctx.account, ctx.region, HTTP_NAME, name))
    return name if taken is None else f"{name}-{ctx.ids.letters(16)}"
