"""Operations on instances, their health, and their discovery.

Instances that ECS keeps for its tasks are seen here like any other, and cannot be changed by hand.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from moorage.api import paging
from moorage.api.cloudmap import lookup, present, progress
from moorage.api.cloudmap.progress import Intent
from moorage.api.context import RequestContext
from moorage.api.paging import Page
from moorage.domain import instance_rules, registry_errors, registry_operations
from moorage.domain.changes import Put
from moorage.domain.registry import Instance, InstancesRevision, RegistryService


async def register_instance(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.service(ctx, given["ServiceId"])
    attributes = given["Attributes"]
    instance_rules.check_attributes(service, attributes)
    current = ctx.world().get(Instance, (*service.key, given["InstanceId"]))
    if current is not None:
        _check_unmanaged(current, service)
    instance = Instance(
        account=ctx.account,
        region=ctx.region,
        service_id=service.id,
        id=given["InstanceId"],
        attributes=attributes,
        created_at=ctx.now(),
        creator_request_id=given.get("CreatorRequestId", ""),
        healthy=instance_rules.initial_health(service, attributes),
    )
    targets = {"SERVICE": service.id, "INSTANCE": instance.id}
    return await progress.submit(ctx, Intent(registry_operations.REGISTER_INSTANCE, targets, instance=instance))


async def deregister_instance(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.service(ctx, given["ServiceId"])
    doomed = lookup.instance(ctx, service.id, given["InstanceId"])
    _check_unmanaged(doomed, service)
    targets = {"SERVICE": service.id, "INSTANCE": doomed.id}
    return await progress.submit(ctx, Intent(registry_operations.DEREGISTER_INSTANCE, targets))


def _check_unmanaged(instance: Instance, service: RegistryService) -> None:
    if instance.task_id:
        raise registry_errors.ManagedByEcs(f"Instance {instance.id}", instance.owner or service.managed_by)


async def get_instance(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = lookup.instance(ctx, given["ServiceId"], given["InstanceId"])
    return {"ResourceOwner": ctx.account, "Instance": present.instance(found)}


async def list_instances(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.service(ctx, given["ServiceId"])
    page = _page(ctx, service, given)
    instances = [present.instance_summary(record) for record in page.records]
    return {"ResourceOwner": ctx.account, "Instances": instances, **page.named()}


async def get_instances_health_status(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.service(ctx, given["ServiceId"])
    if "Instances" in given:
        held = sorted((lookup.instance(ctx, service.id, name) for name in set(given["Instances"])), key=_id)
        page = paging.page(held, _id, given.get("MaxResults", 100), given.get("NextToken"))
    else:
        page = _page(ctx, service, given)
    return {"Status": {record.id: instance_rules.health(record) for record in page.records}, **page.named()}


async def update_instance_custom_health_status(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.service(ctx, given["ServiceId"])
    if service.health_check_custom_config is None:
        raise registry_errors.CustomHealthUnknown(service.id)
    current = lookup.instance(ctx, service.id, given["InstanceId"])
    _check_unmanaged(current, service)
    changed = replace(current, healthy=given["Status"] == instance_rules.HEALTHY)
    expect = {(Instance.table, current.key): ctx.world().version(Instance, current.key)}
    await ctx.store.commit([Put(changed)], expect)
    return {}


async def discover_instances(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.discoverable(ctx, given["NamespaceName"], given["ServiceName"])
    chosen = instance_rules.discovered(ctx.world().linked(Instance, "service", service.key), given)
    some = chosen[: given.get("MaxResults", 100)]
    return {
        "Instances": [present.discovered(record, given["NamespaceName"], service.name) for record in some],
        "InstancesRevision": _revision(ctx, service),
    }


async def discover_instances_revision(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    service = lookup.discoverable(ctx, given["NamespaceName"], given["ServiceName"])
    return {"InstancesRevision": _revision(ctx, service)}


def _page(ctx: RequestContext, service: RegistryService, given: dict[str, Any]) -> Page[Instance]:
    """A page of the service's instances."""
    world = ctx.world()

    def found(after: str | None) -> Iterator[Instance]:
        link = ("service", service.key)
        return world.each_linked(Instance, link, None if after is None else (*service.key, after))

    return paging.walk(found, _id, given.get("MaxResults", 100), given.get("NextToken"))


def _revision(ctx: RequestContext, service: RegistryService) -> int:
    found = ctx.world().get(InstancesRevision, service.key)
    return 0 if found is None else found.number


def _id(record: Instance) -> str:
    return record.id
