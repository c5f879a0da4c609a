"""AWS::EC2::SecurityGroup by CreateSecurityGroup and the Authorize and Revoke operations."""

from collections.abc import Generator
from typing import Any

from moorage.stacks.resources.ec2_marks import found, marks, removed
from moorage.stacks.resources.script import Answer, Made, Order, ResourceType, Script, Step, ask, unless
from moorage.stacks.resources.security_group_rules import EGRESS, INGRESS, permission, same
from moorage.stacks.resources.shapes import TAGS, TEXT, ListOf, Object
from moorage.stacks.resources.tagging import retag_ec2

Rule = dict[str, Any]
_ALL_OUT: Rule = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
"""The rule that every new group has."""


def _create(order: Order) -> Script:
    group = yield from found(order, "DescribeSecurityGroups", "SecurityGroups", "GroupId")
    if group is None:
        group = yield ask(
            "ec2",
            "CreateSecurityGroup",
            Description=order.properties["GroupDescription"],
            GroupName=order.properties.get("GroupName") or order.generated_name(255),
            VpcId=order.properties.get("VpcId"),
            TagSpecifications=marks(order, "security-group"),
        )
    identifier = group["GroupId"]
    described = yield ask("ec2", "DescribeSecurityGroups", GroupIds=[identifier])
    vpc = described["SecurityGroups"][0].get("VpcId", "")
    yield Made(identifier, {"GroupId": identifier, "Id": identifier, "VpcId": vpc})
    yield from _authorize("Ingress", identifier, order.properties.get("SecurityGroupIngress", []))
    egress = order.properties.get("SecurityGroupEgress", [])
    if egress and not any(same(rule, _ALL_OUT) for rule in egress):
        yield from _revoke("Egress", identifier, [_ALL_OUT])
    yield from _authorize("Egress", identifier, [rule for rule in egress if not same(rule, _ALL_OUT)])


def _authorize(direction: str, group: str, rules: list[Rule]) -> Generator[Step, Answer, None]:
    for rule in rules:
        request = ask("ec2", f"AuthorizeSecurityGroup{direction}", GroupId=group, IpPermissions=[permission(rule)])
        yield from unless({"InvalidPermission.Duplicate"}, request)


def _revoke(direction: str, group: str, rules: list[Rule]) -> Generator[Step, Answer, None]:
    for rule in rules:
        request = ask("ec2", f"RevokeSecurityGroup{direction}", GroupId=group, IpPermissions=[permission(rule)])
        yield from unless({"InvalidPermission.NotFound"}, request)


def _update(order: Order) -> Script:
    for direction, default in (("Ingress", []), ("Egress", [_ALL_OUT])):
        name = f"SecurityGroup{direction}"
        new, old = order.properties.get(name) or default, order.old.get(name) or default
        yield from _revoke(direction, order.physical_id, [rule for rule in old if rule not in new])
        yield from _authorize(direction, order.physical_id, [rule for rule in new if rule not in old])
    yield from retag_ec2(order, order.physical_id)


def _delete(order: Order) -> Script:
    return removed("DeleteSecurityGroup", "InvalidGroup.NotFound", GroupId=order.physical_id)


RESOURCE = ResourceType(
    type="AWS::EC2::SecurityGroup",
    properties=Object(
        {
            "GroupDescription": TEXT,
            "GroupName": TEXT,
            "SecurityGroupEgress": ListOf(Object(EGRESS, ("IpProtocol",))),
            "SecurityGroupIngress": ListOf(Object(INGRESS, ("IpProtocol",))),
            "Tags": TAGS,
            "VpcId": TEXT,
        },
        ("GroupDescription",),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"GroupDescription", "GroupName", "VpcId"}),
    attributes=frozenset({"GroupId", "Id", "VpcId"}),
    name="GroupName",
)
