"""AWS::EC2::RouteTable by CreateRouteTable and DeleteRouteTable."""

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask
from moorage.stacks.resources.shapes import TAGS, TEXT, Object
from moorage.stacks.resources.tagging import retag_ec2


def _create(order: Order) -> Script:
    table = yield from found(order, "DescribeRouteTables", "RouteTables", "RouteTableId")
    if table is None:
        specifications = marks(order, "route-table")
        answer = yield ask("ec2", "CreateRouteTable", VpcId=order.properties["VpcId"], TagSpecifications=specifications)
        table = answer["RouteTable"]
    yield Made(table["RouteTableId"], {"RouteTableId": table["RouteTableId"]})


def _update(order: Order) -> Script:
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    return removed("DeleteRouteTable", "InvalidRouteTableID.NotFound", RouteTableId=order.physical_id)


RESOURCE = ResourceType(
    type="AWS::EC2::RouteTable",
    properties=Object({"Tags": TAGS, "VpcId": TEXT}, ("VpcId",)),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"VpcId"}),
    attributes=frozenset({"RouteTableId"}),
)
