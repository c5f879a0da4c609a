"""CloudFormation's resource types and functions, from the catalog and the tables of functions in `moorage.stacks`."""

import json
from collections.abc import Iterator

from moorage.stacks import intrinsics, rules
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.resources.script import ResourceType
from moorage.stacks.resources.shapes import Exactly, ListOf, Object, Shape


def types() -> str:
    """A section for each resource type."""
    return "\n\n".join(_section(TYPES[name]) for name in sorted(TYPES))


def functions() -> str:
    """The intrinsic functions in three lists, and those that are refused."""
    everywhere = sorted({"Ref", *intrinsics.FUNCTIONS} - set(intrinsics.CONDITION_FUNCTIONS))
    return "\n".join(
        [
            f"* In resources and outputs: {_listed(everywhere)}.",
            f"* In conditions, besides: {_listed(sorted(intrinsics.CONDITION_FUNCTIONS))}.",
            f"* In rules, besides: {_listed(sorted(set(rules.FUNCTIONS) - set(intrinsics.FUNCTIONS)))}.",
            "* Refused by name:",
            *(f"  * `{name}`: {why}" for name, why in sorted(intrinsics.REFUSED.items())),
        ]
    )


def _section(resource: ResourceType) -> str:
    lines = [f"### {resource.type}", "", f"Properties: {', '.join(_paths(resource.properties)) or 'any, unread'}."]
    if resource.update is None:
        lines.append("Every change makes a new resource.")
    elif resource.replace_on:
        lines.append(f"A new resource is made when one of these changes: {_listed(sorted(resource.replace_on))}.")
    else:
        lines.append("Every change is made in place.")
    if resource.attributes:
        lines.append(f"`Fn::GetAtt`: {_listed(sorted(resource.attributes))}.")
    if resource.name:
        lines.append(f"Custom name: `{resource.name}`.")
    return "\n".join([*lines[:3], "", *lines[3:]]) if len(lines) > 3 else "\n".join(lines)


def _paths(shape: Shape, at: str = "", required: bool = False) -> Iterator[str]:
    """Every property with its place; `[]` stands for each item of a list."""
    match shape:
        case Object(members, needed) if at.endswith("Tags[]"):
            yield f"`{at.removesuffix('[]')}`"
        case Object(members, needed):
            for name in sorted(members):
                yield from _paths(members[name], f"{at}.{name}" if at else name, name in needed)
        case ListOf(Object() as item):
            yield from _paths(item, f"{at}[]")
        case Exactly(_, values):
            yield f"`{at}` (only {' or '.join(f'`{json.dumps(value)}`' for value in values)})"
        case _:
            yield f"`{at}` (required)" if required else f"`{at}`"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
