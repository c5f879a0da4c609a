"""AWS::IAM::Role by CreateRole, the operations on its policies and tags, and DeleteRole."""

import json
from collections.abc import Generator
from typing import Any

from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    already_exists,
    as_tags,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import DOCUMENT, TAGS, TEXT, TEXT_LIST, WHOLE, ListOf, Object
from moorage.stacks.resources.tagging import retag_role

TYPE = "AWS::IAM::Role"
POLICIES = ListOf(Object({"PolicyDocument": DOCUMENT, "PolicyName": TEXT}, ("PolicyDocument", "PolicyName")))
_GONE = frozenset({"NoSuchEntity"})


def _create(order: Order) -> Script:
    name = order.properties.get("RoleName") or order.generated_name(64)
    try:
        answer = yield ask(
            "iam",
            "CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(order.properties["AssumeRolePolicyDocument"]),
            Description=order.properties.get("Description"),
            MaxSessionDuration=order.properties.get("MaxSessionDuration"),
            Path=order.properties.get("Path"),
            PermissionsBoundary=order.properties.get("PermissionsBoundary"),
            Tags=as_tags({**order.tags(), **order.system_tags()}),
        )
    except Declined as declined:
        if declined.code != "EntityAlreadyExists":
            raise
        answer = yield ask("iam", "GetRole", RoleName=name)
        if not order.may_take({tag["Key"]: tag["Value"] for tag in answer["Role"].get("Tags", [])}):
            raise already_exists(TYPE, name) from declined
    role = answer["Role"]
    yield Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})
    yield from _set_policies(order, name, {})


def _set_policies(order: Order, role: str, old: Any) -> Generator[Step, Answer, None]:
    new = order.properties
    wanted, before = set(new.get("ManagedPolicyArns", [])), set(old.get("ManagedPolicyArns", []))
    for arn in sorted(before - wanted):
        yield from unless(_GONE, ask("iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn))
    for arn in sorted(wanted - before):
        yield ask("iam", "AttachRolePolicy", RoleName=role, PolicyArn=arn)
    inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
    stale = {policy["PolicyName"] for policy in old.get("Policies", [])} - set(inline)
    for name in sorted(stale):
        yield from unless(_GONE, ask("iam", "DeleteRolePolicy", RoleName=role, PolicyName=name))
    for name, document in inline.items():
        yield ask("iam", "PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _update(order: Order) -> Script:
    role = order.physical_id
    if order.changed("AssumeRolePolicyDocument"):
        document = json.dumps(order.properties["AssumeRolePolicyDocument"])
        yield ask("iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=document)
    if order.changed("Description", "MaxSessionDuration"):
        description, duration = (
            order.properties.get("Description", ""),
            order.properties.get("MaxSessionDuration", 3600),
        )
        yield ask("iam", "UpdateRole", RoleName=role, Description=description, MaxSessionDuration=duration)
    if order.changed("PermissionsBoundary"):
        boundary = order.properties.get("PermissionsBoundary")
        if boundary is None:
            yield ask("iam", "DeleteRolePermissionsBoundary", RoleName=role)
        else:
            yield ask("iam", "PutRolePermissionsBoundary", RoleName=role, PermissionsBoundary=boundary)
    yield from _set_policies(order, role, order.old)
    yield from retag_role(order)


def _delete(order: Order) -> Script:
    role = order.physical_id
    for arn in order.properties.get("ManagedPolicyArns", []):
        yield from unless(_GONE, ask("iam", "DetachRolePolicy", RoleName=role, PolicyArn=arn))
    for policy in order.properties.get("Policies", []):
        yield from unless(_GONE, ask("iam", "DeleteRolePolicy", RoleName=role, PolicyName=policy["PolicyName"]))
    yield from unless(_GONE, ask("iam", "DeleteRole", RoleName=role))


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            "AssumeRolePolicyDocument": DOCUMENT,
            "Description": TEXT,
            "ManagedPolicyArns": TEXT_LIST,
            "MaxSessionDuration": WHOLE,
            "Path": TEXT,
            "PermissionsBoundary": TEXT,
            "Policies": POLICIES,
            "RoleName": TEXT,
            "Tags": TAGS,
        },
        ("AssumeRolePolicyDocument",),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Path", "RoleName"}),
    attributes=frozenset({"Arn", "RoleId"}),
    name="RoleName",
)
