"""EC2 and IAM as tests of the API need them: every subnet, security group and role exists, but those called missing.

Stands where the support process stands, at the dispatcher's `forward`; answers in their own XML. The last letter of a
subnet's id names its zone, `-other` in an id puts it into another VPC. Every role trusts ECS.
"""

import json
import re
from urllib.parse import parse_qsl, quote

from moorage.wire import credentials
from moorage.wire.message import Request, Response


async def forward(service: str, request: Request) -> Response:
    form = dict(parse_qsl(request.body.decode()))
    if service == "iam":
        return _role(form, request)
    assert service == "ec2"
    region = request.headers["host"].split(".")[1]
    operation = form["Action"]
    ids = [value for name, value in form.items() if re.fullmatch(r"(Subnet|Group)Id\.\d+", name)]
    for each in ids:
        if "missing" in each:
            kind, words = ("Subnet", "subnet ID") if operation == "DescribeSubnets" else ("Group", "security group")
            code = "InvalidSubnetID.NotFound" if kind == "Subnet" else "InvalidGroup.NotFound"
            return _error(code, f"The {words} '{each}' does not exist")
    if operation == "DescribeNetworkInterfaces":
        return _interfaces(form)
    if operation == "DescribeSubnets":
        return _answer(operation, "subnetSet", [_subnet(each, region) for each in ids])
    assert operation == "DescribeSecurityGroups"
    return _answer(operation, "securityGroupInfo", [f"<groupId>{each}</groupId>{_vpc(each)}" for each in ids])


def _interfaces(form: dict[str, str]) -> Response:
    """There is one that no task has."""
    asked = [value for name, value in form.items() if name.startswith("NetworkInterfaceId.")]
    for each in asked:
        if each != "eni-moto":
            return _error("InvalidNetworkInterfaceID.NotFound", f"The network interface '{each}' does not exist")
    one = "<networkInterfaceId>eni-moto</networkInterfaceId><status>available</status><subnetId>subnet-9</subnetId>"
    return _answer("DescribeNetworkInterfaces", "networkInterfaceSet", [one])


def _role(form: dict[str, str], request: Request) -> Response:
    assert form["Action"] == "GetRole"
    name = form["RoleName"]
    if "missing" in name:
        error = f"<Error><Code>NoSuchEntity</Code><Message>Role {name} not found</Message></Error>"
        return Response(404, (("content-type", "text/xml"),), f"<ErrorResponse>{error}</ErrorResponse>".encode())
    scope = credentials.scope(request)
    assert scope is not None
    statement = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = (
        f"<Role><Arn>arn:aws:iam::{scope.account}:role/{name}</Arn><AssumeRolePolicyDocument>"
        f"{quote(json.dumps({'Statement': [statement]}))}</AssumeRolePolicyDocument></Role>"
    )
    body = f"<GetRoleResponse><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>"
    return Response(200, (("content-type", "text/xml"),), body.encode())


def _subnet(identifier: str, region: str) -> str:
    letter = identifier[-1] if identifier[-1] in "abc" else "a"
    zone = f"<availabilityZone>{region}{letter}</availabilityZone>"
    return f"<subnetId>{identifier}</subnetId>{zone}{_vpc(identifier)}"


def _vpc(identifier: str) -> str:
    return f"<vpcId>{'vpc-2' if '-other' in identifier else 'vpc-1'}</vpcId>"


def _answer(operation: str, members: str, items: list[str]) -> Response:
    inner = "".join(f"<item>{item}</item>" for item in items)
    body = (
        f'<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>'
        f"<{members}>{inner}</{members}></{operation}Response>"
    )
    return Response(200, (("content-type", "text/xml"),), body.encode())


def _error(code: str, message: str) -> Response:
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>1</RequestID></Response>"
    )
    return Response(400, (("content-type", "text/xml"),), body.encode())
