"""AWS::EC2::VPCGatewayAttachment by AttachInternetGateway and DetachInternetGateway. VPN gateways are not supported."""

from moorage.stacks.resources.script import Declined, Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.shapes import TEXT, Object

_GONE = frozenset({"Gateway.NotAttached", "InvalidInternetGatewayID.NotFound", "InvalidVpcID.NotFound"})


def _create(order: Order) -> Script:
    gateway, vpc = order.properties["InternetGatewayId"], order.properties["VpcId"]
    try:
        yield ask("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc)
    except Declined as declined:
        if not (order.resumed and declined.code == "Resource.AlreadyAssociated"):
            raise
    yield Made(f"IGW|{vpc}", {"AttachmentType": "IGW"})


def _delete(order: Order) -> Script:
    gateway, vpc = order.properties["InternetGatewayId"], order.properties["VpcId"]
    yield from unless(_GONE, ask("ec2", "DetachInternetGateway", InternetGatewayId=gateway, VpcId=vpc))


RESOURCE = ResourceType(
    type="AWS::EC2::VPCGatewayAttachment",
    properties=Object({"InternetGatewayId": TEXT, "VpcId": TEXT}, ("InternetGatewayId", "VpcId")),
    create=_create,
    delete=_delete,
    attributes=frozenset({"AttachmentType"}),
)
