"""Operations on namespaces: HTTP, private DNS and public DNS.

Names of a private DNS namespace are answered to the tasks of its VPC (`planning/zones`), those of a public one by
nobody: no registrar leads here. Neither has a Route 53 hosted zone, so they show none.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from moorage.api import paging
from moorage.api.cloudmap import filters, lookup, present, progress
from moorage.api.cloudmap.progress import Intent
from moorage.api.context import RequestContext
from moorage.domain import registry, registry_errors, registry_operations
from moorage.domain.changes import ABSENT, Put
from moorage.domain.claim import Claim
from moorage.domain.registry import Namespace

NO_ZONE = (
    "Route 53 shows no hosted zone for this namespace: its names are answered to the tasks of its VPC on this machine."
)
NO_PUBLIC_ZONE = (
    "No public hosted zone was made: names of this namespace are answered by Service Connect and DiscoverInstances, "
    "not by DNS. Tasks resolve names of private DNS namespaces."
)
_DEFAULT_SOA_TTL = 15


async def create_http_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return await _create(ctx, _drafted(ctx, given, registry.HTTP))


async def create_private_dns_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    drafted = replace(_drafted(ctx, given, registry.DNS_PRIVATE), vpc=given["Vpc"])
    ctx.hint(NO_ZONE)
    return await _create_dns(ctx, given, drafted)


async def create_public_dns_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    ctx.hint(NO_PUBLIC_ZONE)
    return await _create_dns(ctx, given, _drafted(ctx, given, registry.DNS_PUBLIC))


async def _create_dns(ctx: RequestContext, given: dict[str, Any], drafted: Namespace) -> dict[str, Any]:
    properties = given.get("Properties", {"DnsProperties": {"SOA": {"TTL": _DEFAULT_SOA_TTL}}})
    return await _create(ctx, replace(drafted, properties=properties | drafted.properties))


def _drafted(ctx: RequestContext, given: dict[str, Any], kind: str) -> Namespace:
    return Namespace(
        account=ctx.account,
        region=ctx.region,
        id=f"ns-{ctx.ids.letters(16)}",
        name=given["Name"],
        type=kind,
        created_at=ctx.now(),
        description=given.get("Description", ""),
        creator_request_id=given.get("CreatorRequestId", ""),
        properties={"HttpProperties": {"HttpName": given["Name"]}},
        tags=lookup.tags(given.get("Tags", [])),
    )


async def _create(ctx: RequestContext, drafted: Namespace) -> dict[str, Any]:
    world = ctx.world()
    name_claim, http_claim = drafted.claims()
    holder = world.get(Claim, name_claim.key)
    if holder is not None:
        raise _taken(ctx, drafted, holder)
    if world.get(Claim, http_claim.key) is not None:
        # A namespace of another type has the name: discovery needs another one (reference section 4.1).
        http = {"HttpProperties": {"HttpName": f"{drafted.name}-{ctx.ids.letters(16)}"}}
        drafted = replace(drafted, properties=drafted.properties | http)
    claims = drafted.claims()
    expect = {(Claim.table, claim.key): ABSENT for claim in claims}
    intent = Intent(registry_operations.CREATE_NAMESPACE, {"NAMESPACE": drafted.id}, namespace=drafted)
    return await progress.submit(ctx, intent, [Put(claim) for claim in claims], expect)


def _taken(ctx: RequestContext, drafted: Namespace, holder: Claim) -> Exception:
    """The name is held by a namespace, or by one that is being made."""
    world = ctx.world()
    for operation in progress.unfinished(world, ctx.account, ctx.region):
        if operation.namespace is not None and operation.namespace.arn == holder.owner:
            return registry_errors.SameRequest(ctx.operation, operation.id)
    owner = lookup.namespace(ctx, holder.owner)
    return registry_errors.NamespaceTaken(drafted.name, owner.id, owner.creator_request_id)


async def get_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return {"Namespace": present.namespace(ctx.world(), lookup.namespace(ctx, given["Id"]))}


async def list_namespaces(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    place = (ctx.account, ctx.region)

    def found(after: str | None) -> Iterator[Namespace]:
        everything = world.each_linked(Namespace, ("scope", place), None if after is None else (*place, after))
        return filters.chosen(everything, given.get("Filters", []), filters.NAMESPACE_FIELDS)

    page = paging.walk(found, lambda record: record.id, given.get("MaxResults", 100), given.get("NextToken"))
    return {"Namespaces": [present.namespace_summary(world, record) for record in page.records], **page.named()}


async def update_http_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = _of_type(ctx, given["Id"], registry.HTTP)
    return await _update(ctx, given, replace(current, description=given["Namespace"]["Description"]))


async def update_private_dns_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return await _update_dns(ctx, given, _of_type(ctx, given["Id"], registry.DNS_PRIVATE))


async def update_public_dns_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return await _update_dns(ctx, given, _of_type(ctx, given["Id"], registry.DNS_PUBLIC))


async def _update_dns(ctx: RequestContext, given: dict[str, Any], current: Namespace) -> dict[str, Any]:
    change = given["Namespace"]
    changed = replace(
        current,
        description=change.get("Description", current.description),
        properties=current.properties | change.get("Properties", {}),
    )
    return await _update(ctx, given, changed)


def _of_type(ctx: RequestContext, reference: str, kind: str) -> Namespace:
    found = lookup.namespace(ctx, reference)
    if found.type != kind:
        raise registry_errors.NamespaceUnknown(reference)
    return found


async def _update(ctx: RequestContext, given: dict[str, Any], changed: Namespace) -> dict[str, Any]:
    intent = Intent(
        registry_operations.UPDATE_NAMESPACE,
        {"NAMESPACE": changed.id},
        namespace=changed,
        request_id=given.get("UpdaterRequestId", ""),
    )
    return await progress.submit(ctx, intent)


async def delete_namespace(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    doomed = lookup.namespace(ctx, given["Id"])
    registry_operations.check_no_services(ctx.world(), doomed)
    return await progress.submit(ctx, Intent(registry_operations.DELETE_NAMESPACE, {"NAMESPACE": doomed.id}))
