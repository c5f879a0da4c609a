"""The roles, users and groups that a policy resource names."""

from collections.abc import Mapping
from typing import Any

from moorage.stacks.resources.shapes import TEXT_LIST, Shape

_KINDS = {"Groups": "Group", "Roles": "Role", "Users": "User"}
MEMBERS: dict[str, Shape] = dict.fromkeys(_KINDS, TEXT_LIST)


def holders(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of IAM's word for the kind and the holder's name."""
    return [(kind, holder) for plural, kind in _KINDS.items() for holder in properties.get(plural, [])]
