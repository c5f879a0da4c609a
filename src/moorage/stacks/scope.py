"""What the functions of a template may look up: parameters, pseudo parameters, mappings, conditions, resources.

A Scope is a value. What is not known yet (the id of a resource that is still to be made) is an Unknown, which stays
visible in every value made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.domain.arns import PARTITION


@dataclass(frozen=True)
class Unknown:
    """A value that only exists once `resource` has been made; `what` is `Ref` or the attribute's name."""

    resource: str
    what: str


class _NoValue:
    """AWS::NoValue: the property or list item is as if it had not been written."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE: Final = _NoValue()


@dataclass(frozen=True)
class Known:
    """A resource that exists: what Ref and Fn::GetAtt answer."""

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """`resources` holds the resources that the stack is to have: Known, or None while one is still to be made."""

    pseudo: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    resources: Mapping[str, Known | None] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    read: Mapping[str, str] = field(default_factory=dict)


def pseudo_parameters(account: str, region: str, stack_name: str, stack_id: str) -> dict[str, Any]:
    """The pseudo parameters of a stack."""
    return {
        "AWS::AccountId": account,
        "AWS::NoValue": NO_VALUE,
        "AWS::NotificationARNs": [],
        "AWS::Partition": PARTITION,
        "AWS::Region": region,
        "AWS::StackId": stack_id,
        "AWS::StackName": stack_name,
        "AWS::URLSuffix": "amazonaws.com",
    }


def unknowns(value: Any) -> set[Unknown]:
    """The Unknowns in a value."""
    if isinstance(value, Unknown):
        return {value}
    if isinstance(value, Mapping):
        return set().union(*(unknowns(item) for item in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(unknowns(item) for item in value))
    return set()
