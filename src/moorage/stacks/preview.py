"""What a change set shows of a plan: each resource's change, property by property, with what it comes from.

The words are those of CloudFormation's ResourceChange and ResourceChangeDetail (API reference, data types).
"""

import json
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

from moorage.domain.change_set import PropertyChange, ResourceChange
from moorage.domain.stack import Deployed, ParameterValue
from moorage.stacks import graph
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.changes import Add, ChangePlan, Modify, Remove
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.scope import Unknown, unknowns

KNOWN_LATER: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""CloudFormation's words for a value that is not known before other resources have been made."""


def resource_changes(
    plan: ChangePlan, existing: Mapping[str, Deployed], blueprint: Blueprint, parameters: Set[str]
) -> tuple[ResourceChange, ...]:
    """The plan in CloudFormation's words, by logical id; `parameters` are those that have another value than before."""
    found: list[ResourceChange] = []
    for change in plan.changes:
        match change:
            case Add(name):
                goal = plan.goals[name]
                found.append(ResourceChange("Add", name, goal.type, after=_context(goal)))
            case Modify(name):
                found.append(_modified(change, existing[name], plan.goals[name], blueprint, parameters))
            case Remove(name):
                old = existing[name]
                policy = "Retain" if old.deletion == "Retain" else "Delete"
                found.append(
                    ResourceChange("Remove", name, old.type, old.physical_id, policy=policy, before=_context(old))
                )
    return tuple(sorted(found, key=lambda change: change.logical_id))


def _modified(
    change: Modify, old: Deployed, goal: Deployed, blueprint: Blueprint, parameters: Set[str]
) -> ResourceChange:
    name = change.logical_id
    properties = tuple(_property(each, name, old, goal, blueprint, parameters) for each in change.because)
    recreation = {each.recreation for each in properties}
    replacement = "True" if "Always" in recreation else "Conditional" if "Conditionally" in recreation else "False"
    policy = ""
    if replacement != "False":
        policy = "ReplaceAndRetain" if goal.replacement == "Retain" else "ReplaceAndDelete"
    return ResourceChange(
        "Modify", name, goal.type, old.physical_id, replacement, policy, properties, _context(old), _context(goal)
    )


def _property(
    name: str, logical_id: str, old: Deployed, goal: Deployed, blueprint: Blueprint, parameters: Set[str]
) -> PropertyChange:
    before, after = old.properties.get(name), goal.properties.get(name)
    awaited = sorted(unknowns(after), key=lambda each: (each.resource, each.what))
    source, cause = _cause(name, logical_id, awaited, blueprint, parameters)
    return PropertyChange(
        name,
        _recreation(name, old, goal, dynamic=bool(awaited)),
        source,
        cause,
        bool(awaited),
        _text(before),
        _text(after),
    )


def _recreation(name: str, old: Deployed, goal: Deployed, dynamic: bool) -> str:
    """Whether the change of this property makes a new resource."""
    alone = {**old.properties, name: goal.properties.get(name)}
    if not TYPES[goal.type].replaces(old.properties, alone):
        return "Never"
    return "Conditionally" if dynamic else "Always"


def _cause(
    name: str, logical_id: str, awaited: list[Unknown], blueprint: Blueprint, parameters: Set[str]
) -> tuple[str, str]:
    """ChangeSource and CausingEntity: a resource that is made anew, a parameter, or the template itself."""
    if awaited:
        first = awaited[0]
        if first.what == "Ref":
            return "ResourceReference", first.resource
        return "ResourceAttribute", f"{first.resource}.{first.what}"
    written = blueprint.wanted[logical_id].properties.get(name)
    given = sorted(graph.spoken_of(written, blueprint.scope) & parameters) if written is not None else []
    return ("ParameterReference", given[0]) if given else ("DirectModification", "")


def _context(of: Deployed) -> str:
    return json.dumps({"Properties": _shown(of.properties)}, sort_keys=True)


def _text(value: Any) -> str:
    """A property's value as text, nothing for none."""
    if value is None:
        return ""
    shown = _shown(value)
    return shown if isinstance(shown, str) else json.dumps(shown, sort_keys=True)


def _shown(value: Any) -> Any:
    """The value with what is not known yet in words."""
    if isinstance(value, Unknown):
        return KNOWN_LATER
    if isinstance(value, Mapping):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value


def changed_parameters(before: Iterable[ParameterValue], after: Iterable[ParameterValue]) -> frozenset[str]:
    """The names of the parameters that have another value than before, or had none."""
    values = {one.name: one.value for one in before}
    return frozenset(one.name for one in after if values.get(one.name) != one.value)
