"""AWS::KMS::Key by CreateKey, the operations on its sides, and ScheduleKeyDeletion. Ref answers the key's id.

KMS gives keys neither names nor client tokens: an interrupted creation is found by the tags that it set.
"""

import json
from collections.abc import Generator

from moorage.stacks.resources.script import Answer, Made, Order, ResourceType, Script, Step, as_tags, ask, unless
from moorage.stacks.resources.shapes import DOCUMENT, OFF, TAGS, TEXT, TRUTH, WHOLE, Exactly, Object
from moorage.stacks.resources.tagging import retag_key

TYPE = "AWS::KMS::Key"


def _create(order: Order) -> Script:
    key = yield from _interrupted(order)
    if key is None:
        policy = order.properties.get("KeyPolicy")
        answer = yield ask(
            "kms",
            "CreateKey",
            Description=order.properties.get("Description"),
            KeySpec=order.properties.get("KeySpec"),
            KeyUsage=order.properties.get("KeyUsage"),
            Policy=json.dumps(policy) if policy is not None else None,
            Tags=as_tags({**order.tags(), **order.system_tags()}, "TagKey", "TagValue"),
        )
        key = answer["KeyMetadata"]["KeyId"]
    yield Made(key, {"Arn": f"arn:aws:kms:{order.region}:{order.account}:key/{key}", "KeyId": key})
    yield from _switches(order, key)


def _interrupted(order: Order) -> Generator[Step, Answer, str | None]:
    """The key that an interrupted run has made; None on a first run."""
    if not order.resumed:
        return None
    for listed in (yield ask("kms", "ListKeys"))["Keys"]:
        key: str = listed["KeyId"]
        tags = yield ask("kms", "ListResourceTags", KeyId=key)
        found = {tag["TagKey"]: tag["TagValue"] for tag in tags["Tags"]}
        if key not in order.known and found.items() >= order.system_tags().items():
            return key
    return None


def _switches(order: Order, key: str) -> Generator[Step, Answer, None]:
    if order.changed("EnableKeyRotation"):
        rotates = order.properties.get("EnableKeyRotation", False)
        yield ask("kms", "EnableKeyRotation" if rotates else "DisableKeyRotation", KeyId=key)
    if order.changed("Enabled"):
        yield ask("kms", "EnableKey" if order.properties.get("Enabled", True) else "DisableKey", KeyId=key)


def _update(order: Order) -> Script:
    key = order.physical_id
    if order.changed("Description"):
        yield ask("kms", "UpdateKeyDescription", KeyId=key, Description=order.properties.get("Description", ""))
    if order.changed("KeyPolicy") and "KeyPolicy" in order.properties:
        document = json.dumps(order.properties["KeyPolicy"])
        yield ask("kms", "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=document)
    yield from _switches(order, key)
    yield from retag_key(order)


def _delete(order: Order) -> Script:
    days = order.properties.get("PendingWindowInDays", 30)
    request = ask("kms", "ScheduleKeyDeletion", KeyId=order.physical_id, PendingWindowInDays=days)
    yield from unless({"NotFoundException", "KMSInvalidStateException"}, request)


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            "Description": TEXT,
            "EnableKeyRotation": TRUTH,
            "Enabled": TRUTH,
            "KeyPolicy": DOCUMENT,
            "KeySpec": TEXT,
            "KeyUsage": TEXT,
            "MultiRegion": OFF,
            "Origin": Exactly(TEXT, ("AWS_KMS",)),
            "PendingWindowInDays": WHOLE,
            "Tags": TAGS,
        }
    ),
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"KeySpec", "KeyUsage"}),
    attributes=frozenset({"Arn", "KeyId"}),
)
