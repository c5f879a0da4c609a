"""AWS::EC2::SubnetRouteTableAssociation by AssociateRouteTable and DisassociateRouteTable."""

from collections.abc import Generator

from moorage.stacks.resources.script import Answer, Made, Order, ResourceType, Script, Step, ask, unless
from moorage.stacks.resources.shapes import TEXT, Object


def _create(order: Order) -> Script:
    table, subnet = order.properties["RouteTableId"], order.properties["SubnetId"]
    association = (yield from _made_before(table, subnet)) if order.resumed else None
    if association is None:
        answer = yield ask("ec2", "AssociateRouteTable", RouteTableId=table, SubnetId=subnet)
        association = answer["AssociationId"]
    yield Made(association, {"Id": association})


def _made_before(table: str, subnet: str) -> Generator[Step, Answer, str | None]:
    answer = yield ask("ec2", "DescribeRouteTables", RouteTableIds=[table])
    for described in answer["RouteTables"]:
        for association in described.get("Associations", []):
            if association.get("SubnetId") == subnet:
                return str(association["RouteTableAssociationId"])
    return None


def _delete(order: Order) -> Script:
    request = ask("ec2", "DisassociateRouteTable", AssociationId=order.physical_id)
    yield from unless({"InvalidAssociationID.NotFound"}, request)


RESOURCE = ResourceType(
    type="AWS::EC2::SubnetRouteTableAssociation",
    properties=Object({"RouteTableId": TEXT, "SubnetId": TEXT}, ("RouteTableId", "SubnetId")),
    create=_create,
    delete=_delete,
    attributes=frozenset({"Id"}),
)
