"""AWS::ApplicationAutoScaling::ScalableTarget by RegisterScalableTarget and DeregisterScalableTarget.

Ref answers `<resource>|<dimension>|<namespace>`, as in CloudFormation; policies name their target so.
"""

from typing import Any

from moorage.stacks.resources.script import Made, Order, ResourceType, Script, already_exists, ask, unless
from moorage.stacks.resources.shapes import TEXT, TRUTH, WHOLE, Object

TYPE = "AWS::ApplicationAutoScaling::ScalableTarget"
SERVICE = "application-autoscaling"
PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_SUSPENDED = Object(
    dict.fromkeys(("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), TRUTH)
)


def place_of(target_id: str) -> dict[str, str]:
    """What identifies a target, from what Ref answers of it."""
    resource, dimension, namespace = target_id.split("|")
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}


def _place(order: Order) -> dict[str, str]:
    return {name: order.properties[name] for name in PLACE}


def _made(order: Order) -> Made:
    place = _place(order)
    identity = "|".join((place["ResourceId"], place["ScalableDimension"], place["ServiceNamespace"]))
    return Made(identity, {"Id": identity})


def _members(order: Order) -> dict[str, Any]:
    names = ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
    return {name: order.properties[name] for name in names if name in order.properties}


def _create(order: Order) -> Script:
    """RegisterScalableTarget would change a target that somebody else made, so it is looked for first."""
    place = _place(order)
    asked = {"ServiceNamespace": place["ServiceNamespace"], "ResourceIds": [place["ResourceId"]]}
    found = (yield ask(SERVICE, "DescribeScalableTargets", **asked)).get("ScalableTargets", [])
    if any(target["ScalableDimension"] == place["ScalableDimension"] for target in found) and not order.resumed:
        raise already_exists(TYPE, place["ResourceId"])
    yield ask(SERVICE, "RegisterScalableTarget", **place, **_members(order))
    yield _made(order)


def _update(order: Order) -> Script:
    yield ask(SERVICE, "RegisterScalableTarget", **_place(order), **_members(order))
    yield _made(order)


def _delete(order: Order) -> Script:
    deregister = ask(SERVICE, "DeregisterScalableTarget", **_place(order))
    yield from unless({"ObjectNotFoundException"}, deregister)


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            **dict.fromkeys(PLACE, TEXT),
            "MinCapacity": WHOLE,
            "MaxCapacity": WHOLE,
            "RoleARN": TEXT,
            "SuspendedState": _SUSPENDED,
        },
        (*PLACE, "MinCapacity", "MaxCapacity"),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset(PLACE),
    attributes=frozenset({"Id"}),
)
