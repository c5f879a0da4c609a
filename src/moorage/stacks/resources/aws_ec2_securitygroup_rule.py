"""AWS::EC2::SecurityGroupIngress and SecurityGroupEgress: one rule each, authorized and revoked."""

from moorage.stacks.resources.script import Declined, Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.security_group_rules import EGRESS as EGRESS_MEMBERS
from moorage.stacks.resources.security_group_rules import INGRESS as INGRESS_MEMBERS
from moorage.stacks.resources.security_group_rules import permission
from moorage.stacks.resources.shapes import TEXT, Object

_GONE = frozenset({"InvalidPermission.NotFound", "InvalidGroup.NotFound"})


def _create(order: Order, direction: str) -> Script:
    group = order.properties["GroupId"]
    request = ask(
        "ec2", f"AuthorizeSecurityGroup{direction}", GroupId=group, IpPermissions=[permission(order.properties)]
    )
    try:
        answer = yield request
        rules = [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", [])]
    except Declined as declined:
        if not (order.resumed and declined.code == "InvalidPermission.Duplicate"):
            raise
        rules = []
    yield Made(rules[0] if rules else order.generated_name(), {"Id": rules[0]} if rules else {})


def _delete(order: Order, direction: str) -> Script:
    rules = [permission(order.properties)]
    request = ask("ec2", f"RevokeSecurityGroup{direction}", GroupId=order.properties["GroupId"], IpPermissions=rules)
    yield from unless(_GONE, request)


INGRESS = ResourceType(
    type="AWS::EC2::SecurityGroupIngress",
    properties=Object({**INGRESS_MEMBERS, "GroupId": TEXT}, ("GroupId", "IpProtocol")),
    create=lambda order: _create(order, "Ingress"),
    delete=lambda order: _delete(order, "Ingress"),
    attributes=frozenset({"Id"}),
)
EGRESS = ResourceType(
    type="AWS::EC2::SecurityGroupEgress",
    properties=Object({**EGRESS_MEMBERS, "GroupId": TEXT}, ("GroupId", "IpProtocol")),
    create=lambda order: _create(order, "Egress"),
    delete=lambda order: _delete(order, "Egress"),
    attributes=frozenset({"Id"}),
)
