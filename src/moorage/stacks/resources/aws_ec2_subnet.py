"""AWS::EC2::Subnet by CreateSubnet, ModifySubnetAttribute and DeleteSubnet."""

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Made, Order, Request, ResourceType, Script, ask
from moorage.stacks.resources.shapes import TAGS, TEXT, TRUTH, Object
from moorage.stacks.resources.tagging import retag_ec2


def _create(order: Order) -> Script:
    subnet = yield from found(order, "DescribeSubnets", "Subnets", "SubnetId")
    if subnet is None:
        answer = yield ask(
            "ec2",
            "CreateSubnet",
            VpcId=order.properties["VpcId"],
            CidrBlock=order.properties["CidrBlock"],
            AvailabilityZone=order.properties.get("AvailabilityZone"),
            AvailabilityZoneId=order.properties.get("AvailabilityZoneId"),
            TagSpecifications=marks(order, "subnet"),
        )
        subnet = answer["Subnet"]
    names = ("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "OutpostArn", "SubnetId", "VpcId")
    yield Made(subnet["SubnetId"], {name: subnet[name] for name in names if name in subnet})
    if order.properties.get("MapPublicIpOnLaunch"):
        yield _public(subnet["SubnetId"], True)


def _public(subnet: str, value: bool) -> Request:
    return ask("ec2", "ModifySubnetAttribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": value})


def _update(order: Order) -> Script:
    if order.changed("MapPublicIpOnLaunch"):
        yield _public(order.physical_id, order.properties.get("MapPublicIpOnLaunch", False))
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    return removed("DeleteSubnet", "InvalidSubnetID.NotFound", SubnetId=order.physical_id)


RESOURCE = ResourceType(
    type="AWS::EC2::Subnet",
    properties=Object(
        {
            "AvailabilityZone": TEXT,
            "AvailabilityZoneId": TEXT,
            "CidrBlock": TEXT,
            "MapPublicIpOnLaunch": TRUTH,
            "Tags": TAGS,
            "VpcId": TEXT,
        },
        ("CidrBlock", "VpcId"),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"}),
    attributes=frozenset({"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "SubnetId", "VpcId"}),
)
