"""AWS::EC2::VPC by CreateVpc, ModifyVpcAttribute and DeleteVpc."""

from collections.abc import Generator

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Answer, Made, Order, ResourceType, Script, Step, ask
from moorage.stacks.resources.shapes import TAGS, TEXT, TRUTH, Object
from moorage.stacks.resources.tagging import retag_ec2

# EnableDnsSupport is on unless said otherwise, EnableDnsHostnames off.
_DEFAULTS = {"EnableDnsSupport": True, "EnableDnsHostnames": False}


def _create(order: Order) -> Script:
    vpc = yield from found(order, "DescribeVpcs", "Vpcs", "VpcId")
    if vpc is None:
        tenancy = order.properties.get("InstanceTenancy")
        block = order.properties["CidrBlock"]
        answer = yield ask(
            "ec2", "CreateVpc", CidrBlock=block, InstanceTenancy=tenancy, TagSpecifications=marks(order, "vpc")
        )
        vpc = answer["Vpc"]
    associations = [one["AssociationId"] for one in vpc.get("CidrBlockAssociationSet", [])]
    attributes = {"VpcId": vpc["VpcId"], "CidrBlock": vpc["CidrBlock"], "CidrBlockAssociations": associations}
    yield Made(vpc["VpcId"], attributes)
    yield from _set_dns(order, vpc["VpcId"])
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    groups = yield ask(
        "ec2", "DescribeSecurityGroups", Filters=[*inside, {"Name": "group-name", "Values": ["default"]}]
    )
    acls = yield ask("ec2", "DescribeNetworkAcls", Filters=[*inside, {"Name": "default", "Values": ["true"]}])
    if groups["SecurityGroups"]:
        attributes["DefaultSecurityGroup"] = groups["SecurityGroups"][0]["GroupId"]
    if acls["NetworkAcls"]:
        attributes["DefaultNetworkAcl"] = acls["NetworkAcls"][0]["NetworkAclId"]
    yield Made(vpc["VpcId"], attributes)


def _set_dns(order: Order, vpc: str) -> Generator[Step, Answer, None]:
    for name, default in _DEFAULTS.items():
        wanted, is_so = order.properties.get(name, default), order.old.get(name, default)
        if wanted != is_so:
            yield ask("ec2", "ModifyVpcAttribute", VpcId=vpc, **{name: {"Value": wanted}})


def _update(order: Order) -> Script:
    yield from _set_dns(order, order.physical_id)
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    return removed("DeleteVpc", "InvalidVpcID.NotFound", VpcId=order.physical_id)


RESOURCE = ResourceType(
    type="AWS::EC2::VPC",
    properties=Object(
        {
            "CidrBlock": TEXT,
            "EnableDnsHostnames": TRUTH,
            "EnableDnsSupport": TRUTH,
            "InstanceTenancy": TEXT,
            "Tags": TAGS,
        },
        ("CidrBlock",),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"CidrBlock", "InstanceTenancy"}),
    attributes=frozenset({"CidrBlock", "CidrBlockAssociations", "DefaultNetworkAcl", "DefaultSecurityGroup", "VpcId"}),
)
