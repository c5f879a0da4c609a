"""AWS::IAM::Policy: one inline policy document put on roles, users and groups."""

import json
from collections.abc import Generator, Mapping
from typing import Any

from moorage.stacks.resources.policy_holders import MEMBERS, holders
from moorage.stacks.resources.script import Answer, Failed, Made, Order, ResourceType, Script, Step, ask, unless
from moorage.stacks.resources.shapes import DOCUMENT, TEXT, Object


def _create(order: Order) -> Script:
    if not holders(order.properties):
        raise Failed("At least one of [Groups,Roles,Users] must be non-empty.", "InvalidRequest")
    yield Made(order.generated_name(128))
    yield from _put(order)


def _put(order: Order) -> Generator[Step, Answer, None]:
    name, document = order.properties["PolicyName"], json.dumps(order.properties["PolicyDocument"])
    for kind, holder in holders(order.properties):
        arguments = {f"{kind}Name": holder, "PolicyName": name, "PolicyDocument": document}
        yield ask("iam", f"Put{kind}Policy", **arguments)


def _take(properties: Mapping[str, Any], kept: list[tuple[str, str]]) -> Generator[Step, Answer, None]:
    for kind, holder in holders(properties):
        if (kind, holder) not in kept:
            arguments = {f"{kind}Name": holder, "PolicyName": properties["PolicyName"]}
            yield from unless({"NoSuchEntity"}, ask("iam", f"Delete{kind}Policy", **arguments))


def _update(order: Order) -> Script:
    yield from _put(order)
    yield from _take(order.old, [] if order.changed("PolicyName") else holders(order.properties))


def _delete(order: Order) -> Script:
    yield from _take(order.properties, [])


RESOURCE = ResourceType(
    type="AWS::IAM::Policy",
    properties=Object(
        {
            **MEMBERS,
            "PolicyDocument": DOCUMENT,
            "PolicyName": TEXT,
        },
        ("PolicyDocument", "PolicyName"),
    ),
    create=_create,
    delete=_delete,
    update=_update,
)
