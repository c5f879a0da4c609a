"""AWS::EC2::Route by CreateRoute, ReplaceRoute and DeleteRoute. Ref answers the table and the destination."""

from typing import Any

from moorage.stacks.resources.script import Declined, Failed, Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.shapes import TEXT, Object

_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock")
_TARGETS = ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "InstanceId", "VpcPeeringConnectionId")
_GONE = frozenset({"InvalidRoute.NotFound", "InvalidRouteTableID.NotFound"})


def _destination(order: Order) -> dict[str, Any]:
    given = {name: order.properties[name] for name in _DESTINATIONS if name in order.properties}
    if len(given) != 1:
        raise Failed("A route needs one destination.", "InvalidRequest")
    return {"RouteTableId": order.properties["RouteTableId"], **given}


def _targets(order: Order) -> dict[str, Any]:
    return {name: order.properties[name] for name in _TARGETS if name in order.properties}


def _create(order: Order) -> Script:
    where = _destination(order)
    try:
        yield ask("ec2", "CreateRoute", **where, **_targets(order))
    except Declined as declined:
        if not (order.resumed and declined.code == "RouteAlreadyExists"):
            raise
        yield ask("ec2", "ReplaceRoute", **where, **_targets(order))
    destination = next(where[name] for name in _DESTINATIONS if name in where)
    yield Made(f"{where['RouteTableId']}|{destination}", {"CidrBlock": destination})


def _update(order: Order) -> Script:
    yield ask("ec2", "ReplaceRoute", **_destination(order), **_targets(order))


def _delete(order: Order) -> Script:
    yield from unless(_GONE, ask("ec2", "DeleteRoute", **_destination(order)))


RESOURCE = ResourceType(
    type="AWS::EC2::Route",
    properties=Object(dict.fromkeys((*_DESTINATIONS, *_TARGETS, "RouteTableId"), TEXT), ("RouteTableId",)),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({*_DESTINATIONS, "RouteTableId"}),
    attributes=frozenset({"CidrBlock"}),
)
