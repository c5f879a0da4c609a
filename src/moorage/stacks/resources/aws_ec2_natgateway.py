"""AWS::EC2::NatGateway by CreateNatGateway and DeleteNatGateway, each waited for."""

from moorage.stacks.resources.ec2_marks import found, marks
from moorage.stacks.resources.script import Answer, Failed, Made, Order, ResourceType, Script, Until, ask, unless
from moorage.stacks.resources.shapes import TAGS, TEXT, Object
from moorage.stacks.resources.tagging import retag_ec2


def _create(order: Order) -> Script:
    gateway = yield from found(order, "DescribeNatGateways", "NatGateways", "NatGatewayId")
    if gateway is None or gateway["State"] in {"deleted", "deleting"}:
        answer = yield ask(
            "ec2",
            "CreateNatGateway",
            SubnetId=order.properties["SubnetId"],
            AllocationId=order.properties.get("AllocationId"),
            ConnectivityType=order.properties.get("ConnectivityType"),
            ClientToken=order.token,
            TagSpecifications=marks(order, "natgateway"),
        )
        gateway = answer["NatGateway"]
    identifier = gateway["NatGatewayId"]
    yield Made(identifier, {"NatGatewayId": identifier})
    yield Until(ask("ec2", "DescribeNatGateways", NatGatewayIds=[identifier]), _available)


def _available(answer: Answer) -> bool:
    gateway = answer["NatGateways"][0]
    if gateway["State"] == "failed":
        raise Failed(gateway.get("FailureMessage") or "The NAT gateway failed.", "NotStabilized")
    return bool(gateway["State"] == "available")


def _update(order: Order) -> Script:
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    gone = {"NatGatewayNotFound", "InvalidNatGatewayID.NotFound"}
    if (yield from unless(gone, ask("ec2", "DeleteNatGateway", NatGatewayId=order.physical_id))) is None:
        return
    described = ask("ec2", "DescribeNatGateways", NatGatewayIds=[order.physical_id])
    yield from unless(gone, Until(described, _deleted))


def _deleted(answer: Answer) -> bool:
    return all(gateway["State"] == "deleted" for gateway in answer["NatGateways"])


RESOURCE = ResourceType(
    type="AWS::EC2::NatGateway",
    properties=Object({"AllocationId": TEXT, "ConnectivityType": TEXT, "SubnetId": TEXT, "Tags": TAGS}, ("SubnetId",)),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"AllocationId", "ConnectivityType", "SubnetId"}),
    attributes=frozenset({"NatGatewayId"}),
)
