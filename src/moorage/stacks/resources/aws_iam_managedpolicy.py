"""AWS::IAM::ManagedPolicy by CreatePolicy, new policy versions, and attachments. Ref answers the ARN."""

import json
from collections.abc import Generator

from moorage.stacks.resources.policy_holders import MEMBERS, holders
from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    already_exists,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import DOCUMENT, TEXT, Object

TYPE = "AWS::IAM::ManagedPolicy"
_GONE = frozenset({"NoSuchEntity"})


def _create(order: Order) -> Script:
    name = order.properties.get("ManagedPolicyName") or order.generated_name(128)
    path = order.properties.get("Path", "/")
    try:
        answer = yield ask(
            "iam",
            "CreatePolicy",
            PolicyName=name,
            Path=path,
            PolicyDocument=json.dumps(order.properties["PolicyDocument"]),
            Description=order.properties.get("Description"),
        )
        arn = answer["Policy"]["Arn"]
    except Declined as declined:
        if declined.code != "EntityAlreadyExists":
            raise
        if not order.adopts and (not order.resumed or "ManagedPolicyName" in order.properties):
            raise already_exists(TYPE, name) from declined
        arn = f"arn:aws:iam::{order.account}:policy{path}{name}"  # a random name can only be our own
    yield Made(arn, {"PolicyArn": arn})
    yield from _attach(order, arn, [])


def _attach(order: Order, arn: str, before: list[tuple[str, str]]) -> Generator[Step, Answer, None]:
    wanted = holders(order.properties)
    for kind, holder in [one for one in before if one not in wanted]:
        yield from unless(_GONE, ask("iam", f"Detach{kind}Policy", **{f"{kind}Name": holder, "PolicyArn": arn}))
    for kind, holder in [one for one in wanted if one not in before]:
        yield ask("iam", f"Attach{kind}Policy", **{f"{kind}Name": holder, "PolicyArn": arn})


def _update(order: Order) -> Script:
    arn = order.physical_id
    if order.changed("PolicyDocument"):
        document = json.dumps(order.properties["PolicyDocument"])
        yield ask("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        yield from _drop_versions(arn)
    yield from _attach(order, arn, holders(order.old))


def _drop_versions(arn: str) -> Generator[Step, Answer, None]:
    """IAM keeps five versions at most; CloudFormation keeps the one in force."""
    answer = yield ask("iam", "ListPolicyVersions", PolicyArn=arn)
    for version in answer["Versions"]:
        if not version["IsDefaultVersion"]:
            yield ask("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"])


def _delete(order: Order) -> Script:
    for kind, holder in holders(order.properties):
        request = ask("iam", f"Detach{kind}Policy", **{f"{kind}Name": holder, "PolicyArn": order.physical_id})
        yield from unless(_GONE, request)
    try:
        yield from _drop_versions(order.physical_id)
        yield ask("iam", "DeletePolicy", PolicyArn=order.physical_id)
    except Declined as declined:
        if declined.code not in _GONE:
            raise


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            **MEMBERS,
            "Description": TEXT,
            "ManagedPolicyName": TEXT,
            "Path": TEXT,
            "PolicyDocument": DOCUMENT,
        },
        ("PolicyDocument",),
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Description", "ManagedPolicyName", "Path"}),
    attributes=frozenset({"PolicyArn"}),
    name="ManagedPolicyName",
)
