"""AWS::EC2::InternetGateway by CreateInternetGateway and DeleteInternetGateway."""

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask
from moorage.stacks.resources.shapes import TAGS, Object
from moorage.stacks.resources.tagging import retag_ec2


def _create(order: Order) -> Script:
    gateway = yield from found(order, "DescribeInternetGateways", "InternetGateways", "InternetGatewayId")
    if gateway is None:
        answer = yield ask("ec2", "CreateInternetGateway", TagSpecifications=marks(order, "internet-gateway"))
        gateway = answer["InternetGateway"]
    identifier = gateway["InternetGatewayId"]
    yield Made(identifier, {"InternetGatewayId": identifier})


def _update(order: Order) -> Script:
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    gone = "InvalidInternetGatewayID.NotFound"
    return removed("DeleteInternetGateway", gone, InternetGatewayId=order.physical_id)


RESOURCE = ResourceType(
    type="AWS::EC2::InternetGateway",
    properties=Object({"Tags": TAGS}),
    create=_create,
    delete=_delete,
    update=_update,
    attributes=frozenset({"InternetGatewayId"}),
)
