"""How EC2 resources are marked at birth and found again: EC2 gives most of them neither a name nor a client token."""

from collections.abc import Generator
from typing import Any

from moorage.stacks.resources.script import Answer, Order, Step, Until, as_tags, ask, unless

_BUSY = frozenset({"DependencyViolation", "IncorrectState", "InvalidIPAddress.InUse"})


def marks(order: Order, kind: str) -> list[dict[str, Any]]:
    """TagSpecifications for a resource that is being made."""
    return [{"ResourceType": kind, "Tags": as_tags({**order.tags(), **order.system_tags()})}]


def found(order: Order, operation: str, listed: str, identifier: str) -> Generator[Step, Answer, Any]:
    """What an interrupted run has made: marked as ours and no older resource of the same logical id; else None."""
    if not order.resumed:
        return None
    filters = [
        {"Name": "tag:aws:cloudformation:stack-id", "Values": [order.stack_id]},
        {"Name": "tag:aws:cloudformation:logical-id", "Values": [order.logical_id]},
    ]
    answer = yield ask("ec2", operation, Filters=filters)
    ours = [one for one in answer.get(listed, []) if one[identifier] not in order.known]
    return ours[0] if ours else None


def removed(operation: str, gone: str, /, **arguments: Any) -> Generator[Step, Answer, None]:
    """Delete, waiting out what still depends on it for a while; what is gone already is fine."""
    yield from unless({gone}, Until(ask("ec2", operation, **arguments), lambda _: True, _BUSY, 60))
