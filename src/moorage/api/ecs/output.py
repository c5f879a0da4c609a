"""What goes into an answer: members that have a value, as AWS answers, and `failures` for what there is not."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from moorage.domain import arns

R = TypeVar("R")


def given(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def missing(arn: str) -> dict[str, str]:
    """An element of `failures` for a resource that there is not."""
    return {"arn": arn, "reason": "MISSING"}


def looked_up(
    wanted: Iterable[str], find: Callable[[str], R | None], arn: Callable[[str], str]
) -> tuple[list[R], list[dict[str, str]]]:
    """What the references name, each once and in their order, and failures for those that name nothing.

    `arn` makes one of a name; what was given as an ARN is reported as it was given.
    """
    found, failures = [], []
    for reference in dict.fromkeys(wanted):
        one = find(reference)
        if one is not None:
            found.append(one)
        else:
            failures.append(missing(reference if arns.parse(reference) else arn(reference)))
    return found, failures
