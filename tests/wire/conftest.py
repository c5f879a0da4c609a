from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape

MOMENT = datetime(2026, 11, 22, 10, 30, 15, 250000, UTC)
DEEP_ENOUGH = 12
"""Shapes that contain themselves are cut here."""

SCALARS: dict[str, Any] = {
    "string": "a <b> & \"c\" 'é' ✓",
    "character": "x",
    "integer": -7,
    "long": 2**40,
    "float": 1.5,
    "double": 2.25,
    "boolean": True,
    "timestamp": MOMENT,
    "blob": b"\x00\xffbytes",
}


def example_of(shape: Shape, depth: int = 0) -> Any:
    """A value with every member that the shape has (of a union the first), in Python's types."""
    if shape.type_name == "structure":
        if shape.metadata.get("document"):
            return {"free": "form"}
        members = list(shape.members.items()) if depth < DEEP_ENOUGH else []
        if getattr(shape, "is_tagged_union", False):
            members = members[:1]
        return {name: example_of(inner, depth + 1) for name, inner in members}
    if shape.type_name == "list":
        return [example_of(shape.member, depth + 1)] * (2 if depth < 3 else 1) if depth < DEEP_ENOUGH else []
    if shape.type_name == "map":
        keys = shape.key.enum[:1] or ["key one", "key/two"]
        return {key: example_of(shape.value, depth + 1) for key in keys} if depth < DEEP_ENOUGH else {}
    return shape.enum[0] if getattr(shape, "enum", None) else SCALARS[shape.type_name]


@pytest.fixture
def example() -> Callable[[Shape], Any]:
    return example_of
