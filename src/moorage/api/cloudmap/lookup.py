"""Finds what a request to Cloud Map names, by id or ARN, or raises the error that says what is missing."""

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.api.context import RequestContext
from moorage.domain import arns, errors, registry_errors
from moorage.domain.registry import Instance, Namespace, RegistryService


def namespace(ctx: RequestContext, reference: str) -> Namespace:
    found = ctx.world().get(Namespace, (ctx.account, ctx.region, _id(ctx, reference)))
    if found is None:
        raise registry_errors.NamespaceUnknown(reference)
    return found


def service(ctx: RequestContext, reference: str) -> RegistryService:
    found = ctx.world().get(RegistryService, (ctx.account, ctx.region, _id(ctx, reference)))
    if found is None:
        raise registry_errors.RegistryServiceUnknown(reference)
    return found


def instance(ctx: RequestContext, service_reference: str, instance_id: str) -> Instance:
    held_by = service(ctx, service_reference)
    found = ctx.world().get(Instance, (*held_by.key, instance_id))
    if found is None:
        raise registry_errors.InstanceUnknown(instance_id, held_by.id)
    return found


def discoverable(ctx: RequestContext, namespace_name: str, service_name: str) -> RegistryService:
    """The service that DiscoverInstances means: it knows names, not ids."""
    world = ctx.world()
    spaces = world.linked(Namespace, "http-name", (ctx.account, ctx.region, namespace_name))
    if not spaces:
        raise registry_errors.NamespaceUnknown(namespace_name)
    found = world.linked(RegistryService, "name", (*spaces[0].key, service_name))
    if not found:
        raise registry_errors.RegistryServiceUnknown(service_name)
    return found[0]


def tagged(ctx: RequestContext, arn: str) -> Namespace | RegistryService:
    parsed = arns.parse(arn)
    if parsed is not None and (parsed.account, parsed.region) == (ctx.account, ctx.region):
        for kind in (Namespace, RegistryService):
            found = ctx.world().get(kind, (ctx.account, ctx.region, arns.last(arn)))
            if isinstance(found, (Namespace, RegistryService)) and found.arn == arn:
                return found
    raise registry_errors.TaggedUnknown(arn)


def _id(ctx: RequestContext, reference: str) -> str:
    """The id in an id or ARN; an ARN of another account or region names nothing here."""
    parsed = arns.parse(reference)
    if parsed is None:
        return reference
    return arns.last(reference) if (parsed.account, parsed.region) == (ctx.account, ctx.region) else reference


def tags(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a request. InvalidParameter for keys that AWS keeps to itself."""
    for tag in given:
        if tag["Key"].lower().startswith("aws:"):
            raise errors.InvalidParameter(f"Tag keys must not start with 'aws:': '{tag['Key']}'.")
    return {tag["Key"]: tag["Value"] for tag in given}
