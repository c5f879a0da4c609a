"""Operations on Cloud Map services and their attributes.

DNS records of a service in a private DNS namespace are answered to tasks (`planning/zones`). Health checks by Route 53
are refused by name. What ECS made for a service of its own cannot be changed by hand.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from moorage.api import paging
from moorage.api.cloudmap import filters, lookup, namespaces, present, progress
from moorage.api.cloudmap.progress import Intent
from moorage.api.context import RequestContext
from moorage.domain import dns_rules, errors, registry, registry_errors, registry_operations
from moorage.domain.changes import ABSENT, Link, Put
from moorage.domain.claim import Claim
from moorage.domain.registry import Instance, InstancesRevision, Namespace, RegistryService
from moorage.domain.world import World

DNS_HTTP = "DNS_HTTP"
_MAX_ATTRIBUTES = 30


async def create_service(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    dns = given.get("DnsConfig")
    reference = given.get("NamespaceId") or (dns or {}).get("NamespaceId")
    if not reference:
        raise errors.InvalidParameter("NamespaceId is required")
    home = lookup.namespace(ctx, reference)
    _check_type(home, given)
    world = ctx.world()
    drafted = _drafted(ctx, given, home)
    holder = world.get(Claim, drafted.claim().key)
    if holder is not None:
        return {"Service": present.service(world, _same_request(ctx, drafted))}
    _check_case(world, drafted)
    if dns is not None and home.type == registry.DNS_PUBLIC:
        ctx.hint(namespaces.NO_PUBLIC_ZONE)
    # The use is put whatever its version: a deletion that saw the namespace empty becomes stale, another service not.
    writes = [Put(drafted), Put(drafted.claim()), Put(_first_revision(drafted)), Put(home.use())]
    expect = {
        (Claim.table, drafted.claim().key): ABSENT,
        (Namespace.table, home.key): world.version(Namespace, home.key),
    }
    await ctx.store.commit(writes, expect)
    return {"Service": present.service(ctx.world(), drafted)}


def _first_revision(service: RegistryService) -> InstancesRevision:
    return InstancesRevision(service.account, service.region, service.id, number=1)


def _check_type(home: Namespace, given: dict[str, Any]) -> None:
    dns = given.get("DnsConfig")
    if dns is not None and home.type == registry.HTTP:
        raise errors.InvalidParameter("DnsConfig cannot be set for a service in an HTTP namespace")
    if dns is not None and given.get("Type") == registry.HTTP:
        raise errors.InvalidParameter("DnsConfig cannot be set for a service of type HTTP")
    if dns is not None:
        dns_rules.check_config(dns)
    if "HealthCheckConfig" in given:
        raise errors.Unsupported("HealthCheckConfig", "there is no Route 53 that would check the health of endpoints")


def _check_case(world: World, drafted: RegistryService) -> None:
    """DNS knows no case: names that differ in nothing else would be one (API reference, CreateService)."""
    if drafted.dns_config is None:
        return
    for found in world.linked(RegistryService, "namespace", (*drafted.key[:2], drafted.namespace_id)):
        if found.dns_config is not None and found.name.lower() == drafted.name.lower():
            raise registry_errors.RegistryServiceTaken(found.name, found.id, found.arn, found.creator_request_id)


def _drafted(ctx: RequestContext, given: dict[str, Any], home: Namespace) -> RegistryService:
    dns, custom = given.get("DnsConfig"), given.get("HealthCheckCustomConfig")
    return RegistryService(
        account=ctx.account,
        region=ctx.region,
        id=f"srv-{ctx.ids.letters(16)}",
        name=given["Name"],
        namespace_id=home.id,
        type=registry.HTTP if dns is None else DNS_HTTP,
        created_at=ctx.now(),
        description=given.get("Description", ""),
        creator_request_id=given.get("CreatorRequestId", ""),
        dns_config=None if dns is None else {"RoutingPolicy": "MULTIVALUE", **dns, "NamespaceId": home.id},
        health_check_custom_config=None if custom is None else {"FailureThreshold": 1},
        tags=lookup.tags(given.get("Tags", [])),
    )


def _same_request(ctx: RequestContext, drafted: RegistryService) -> RegistryService:
    """The service that this very request made before; RegistryServiceTaken if another one did."""
    world = ctx.world()
    for found in world.linked(RegistryService, "name", (*drafted.key[:2], drafted.namespace_id, drafted.name)):
        if found.creator_request_id and found.creator_request_id == drafted.creator_request_id:
            return found
        raise registry_errors.RegistryServiceTaken(found.name, found.id, found.arn, found.creator_request_id)
    raise registry_errors.RegistryServiceTaken(drafted.name, "", "")


async def get_service(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return {"Service": present.service(ctx.world(), lookup.service(ctx, given["Id"]))}


async def list_services(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    given_filters = given.get("Filters", [])
    space = next((one["Values"] for one in given_filters if one["Name"] == "NAMESPACE_ID"), ())
    place = (ctx.account, ctx.region)
    link: Link = ("namespace", (*place, *space)) if len(space) == 1 else ("scope", place)

    def found(after: str | None) -> Iterator[RegistryService]:
        everything = world.each_linked(RegistryService, link, None if after is None else (*place, after))
        return filters.chosen(everything, given_filters, filters.SERVICE_FIELDS)

    page = paging.walk(found, lambda record: record.id, given.get("MaxResults", 100), given.get("NextToken"))
    return {"Services": [present.service_summary(world, record) for record in page.records], **page.named()}


async def update_service(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = lookup.service(ctx, given["Id"])
    _check_unmanaged(current)
    change = given["Service"]
    if "DnsConfig" in change and current.dns_config is None:
        raise errors.InvalidParameter("DnsConfig cannot be updated: the service has none")
    dns = current.dns_config
    if dns is not None:
        # An update that leaves DnsConfig out takes the records away (API reference of ServiceChange).
        dns = {**dns, "DnsRecords": change.get("DnsConfig", {}).get("DnsRecords", [])}
        dns_rules.check_change(current.record_types, dns)
    changed = replace(current, description=change.get("Description", current.description), dns_config=dns)
    return await progress.submit(
        ctx, Intent(registry_operations.UPDATE_SERVICE, {"SERVICE": current.id}, service=changed)
    )


async def delete_service(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    doomed = lookup.service(ctx, given["Id"])
    _check_unmanaged(doomed)
    world = ctx.world()
    if world.count_linked(Instance, "service", doomed.key):
        raise registry_errors.InUse(f"Service {doomed.id}", "instances")
    expect = {
        (RegistryService.table, doomed.key): world.version(RegistryService, doomed.key),
        (InstancesRevision.table, doomed.key): world.version(InstancesRevision, doomed.key),
    }
    await ctx.store.commit(doomed.removal(), expect)
    return {}


def _check_unmanaged(service: RegistryService) -> None:
    if service.managed_by:
        raise registry_errors.ManagedByEcs(f"Service {service.id}", service.managed_by)


async def get_service_attributes(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = lookup.service(ctx, given["ServiceId"])
    shown = {"ServiceArn": found.arn, "ResourceOwner": found.account, "Attributes": found.attributes}
    return {"ServiceAttributes": shown}


async def update_service_attributes(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = lookup.service(ctx, given["ServiceId"])
    merged = {**current.attributes, **given["Attributes"]}
    if len(merged) > _MAX_ATTRIBUTES:
        raise registry_errors.TooManyAttributes(current.id)
    await _put(ctx, current, replace(current, attributes=merged))
    return {}


async def delete_service_attributes(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = lookup.service(ctx, given["ServiceId"])
    gone = frozenset(given["Attributes"])
    kept = {name: value for name, value in current.attributes.items() if name not in gone}
    await _put(ctx, current, replace(current, attributes=kept))
    return {}


async def _put(ctx: RequestContext, current: RegistryService, changed: RegistryService) -> None:
    version = ctx.world().version(RegistryService, current.key)
    await ctx.store.commit([Put(changed)], {(RegistryService.table, current.key): version})
