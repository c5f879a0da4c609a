"""What goes into an answer: members without a value are left out, as AWS leaves them out."""

from typing import Any


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def missing(arn: str) -> dict[str, str]:
    """An element of `failures` for a resource that there is not."""
    return {"arn": arn, "reason": "MISSING"}
