"""The namespace that a cluster gives to its new Service Connect services: found, or made when only a name is given.

Reference section 1.2. A namespace made here is a Cloud Map HTTP namespace like any other, in the cluster's own commit:
it is there at once, and so the cluster is never seen PROVISIONING.
"""

import re

from moorage.api.context import RequestContext
from moorage.api.ecs import references
from moorage.api.ecs.draft import Draft
from moorage.domain import arns
from moorage.domain.claim import HTTP_NAME, Claim, claim_key
from moorage.domain.errors import InvalidParameter, NamespaceNotFound
from moorage.domain.registry import HTTP, Namespace

NAME = re.compile(r"[!-~]{1,1024}")
FORBIDDEN = re.compile(r'[<>"/]')


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
    draft.put(namespace)
    for claim in namespace.claims():
        draft.put(claim)
    return namespace


def _http_name(ctx: RequestContext, draft: Draft, name: str) -> str:
    """The name itself; with a suffix where another namespace goes by it in discovery (reference section 4.1)."""
    taken = draft.world.get(Claim, claim_key(ctx.account, ctx.region, HTTP_NAME, name))
    return name if taken is None else f"{name}-{ctx.ids.letters(16)}"
