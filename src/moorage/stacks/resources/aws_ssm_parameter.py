"""AWS::SSM::Parameter by PutParameter and DeleteParameter. Ref answers the name."""

from typing import Any

from moorage.stacks.resources.script import (
    Declined,
    Made,
    Order,
    ResourceType,
    Script,
    already_exists,
    as_tags,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import TEXT, TEXTS, Object
from moorage.stacks.resources.tagging import retag_ssm

TYPE = "AWS::SSM::Parameter"
_MEMBERS = ("AllowedPattern", "DataType", "Description", "Tier", "Type", "Value")


def _members(order: Order) -> dict[str, Any]:
    return {name: order.properties[name] for name in _MEMBERS if name in order.properties}


def _create(order: Order) -> Script:
    name = order.properties.get("Name") or f"CFN-{order.generated_name(255)}"
    try:
        yield ask("ssm", "PutParameter", Name=name, **_members(order), Tags=as_tags(order.tags()) or None)
    except Declined as declined:
        if declined.code != "ParameterAlreadyExists":
            raise
        if not order.resumed:
            raise already_exists(TYPE, name) from declined
    yield Made(name, {"Type": order.properties["Type"], "Value": order.properties["Value"]})


def _update(order: Order) -> Script:
    if order.changed(*_MEMBERS):
        yield ask("ssm", "PutParameter", Name=order.physical_id, **_members(order), Overwrite=True)
    yield Made(order.physical_id, {"Type": order.properties["Type"], "Value": order.properties["Value"]})
    yield from retag_ssm(order)


def _delete(order: Order) -> Script:
    yield from unless({"ParameterNotFound"}, ask("ssm", "DeleteParameter", Name=order.physical_id))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object({**dict.fromkeys((*_MEMBERS, "Name"), TEXT), "Tags": TEXTS}, ("Type", "Value")),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Name"}),
    attributes=frozenset({"Type", "Value"}),
    name="Name",
)
