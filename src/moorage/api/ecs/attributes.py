"""Attributes of container instances: PutAttributes, ListAttributes, DeleteAttributes. Placement asks for them.

The machine's own attributes are listed beside those that users gave, and cannot be changed.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import container_instances, paging, references
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.machine import RESERVED_PREFIXES
from moorage.api.ecs.output import given
from moorage.domain import arns
from moorage.domain.capacity import ContainerInstance
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter, TargetNotFound, TooManyAttributes
from moorage.domain.world import World

CONTAINER_INSTANCE = "container-instance"
MAX_AT_ONCE = 10
MAX_PER_INSTANCE = 10
NAME = re.compile(r"[A-Za-z0-9_\-/.\\]{1,128}")
VALUE = re.compile(r"[A-Za-z0-9_\-.:@/\\ ]{1,128}")


async def put_attributes(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    for attribute in _read(arguments["attributes"]):
        instance = _target(draft.result(), cluster, attribute)
        attributes = {**instance.attributes, attribute["name"]: attribute.get("value", "")}
        if len(attributes) > MAX_PER_INSTANCE:
            raise TooManyAttributes(MAX_PER_INSTANCE)
        draft.put(replace(instance, attributes=attributes, version=instance.version + 1))
    await draft.commit(ctx.store)
    return {"attributes": arguments["attributes"]}


async def delete_attributes(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """An attribute that is not there is not deleted, and nothing is said of it."""
    draft = Draft(ctx.world())
    cluster = references.active_cluster(ctx, draft.world, arguments.get("cluster"))
    deleted = []
    for attribute in _read(arguments["attributes"]):
        instance = _target(draft.result(), cluster, attribute)
        left = dict(instance.attributes)
        if left.pop(attribute["name"], None) is not None:
            deleted.append(attribute)
            draft.put(replace(instance, attributes=left, version=instance.version + 1))
    await draft.commit(ctx.store)
    return {"attributes": deleted}


async def list_attributes(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    cluster = references.cluster(ctx, world, arguments.get("cluster"))
    name, value = arguments.get("attributeName"), arguments.get("attributeValue")
    if value is not None and name is None:
        raise InvalidParameter("An attribute value can only be specified together with an attribute name.")
    shown = {}
    for instance in container_instances.instances(world, cluster):
        for found, its in instance.all_attributes.items():
            if name in (None, found) and value in (None, its):
                target = {"targetType": CONTAINER_INSTANCE, "targetId": instance.arn}
                shown[f"{found} {instance.id}"] = given(name=found, value=its or None, **target)
    found_, more = paging.page(ctx, arguments, {key: key for key in shown})
    return {"attributes": [shown[key] for key in found_], **more}


def _read(attributes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The attributes of a request, if all of them can be written."""
    if not 1 <= len(attributes) <= MAX_AT_ONCE:
        raise InvalidParameter(f"1 to {MAX_AT_ONCE} attributes can be given at once.")
    for attribute in attributes:
        name, value = attribute["name"], attribute.get("value")
        if not NAME.fullmatch(name) or (value is not None and (not VALUE.fullmatch(value) or value.strip() != value)):
            raise InvalidParameter(f"The attribute {name[:128]} has a name or a value with characters not allowed.")
        if name.startswith(RESERVED_PREFIXES):
            raise InvalidParameter(f"The attribute {name} belongs to the container instance itself.")
    return attributes


def _target(world: World, cluster: Cluster, attribute: Mapping[str, Any]) -> ContainerInstance:
    """An attribute without a type has an ARN as its target. TargetNotFound, InvalidParameter."""
    target = attribute.get("targetId")
    if target is None:
        raise InvalidParameter("Every attribute must name its target by targetId.")
    if attribute.get("targetType") is None and arns.parse(target) is None:
        raise InvalidParameter("The target must be an ARN unless targetType is given.")
    found = container_instances.of_reference(world, cluster, target)
    if found is None:
        raise TargetNotFound(target)
    return found
