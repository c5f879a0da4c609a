"""Tags: from ECS's list of pairs to a mapping and back, and the tags that a standalone task gets by propagation."""

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.domain import switches
from moorage.domain.errors import InvalidParameter

MAX_TAGS = 50
RESERVED = "aws:"


def read(pairs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a request. InvalidParameter for a key that is missing, doubled or reserved, or no switch."""
    tags: dict[str, str] = {}
    for pair in pairs:
        key = pair.get("key")
        if key is None:
            raise InvalidParameter("Every tag must have a key.")
        if key in tags:
            raise InvalidParameter(f"Duplicate tag keys found: '{key}'. Please remove all but one.")
        if key.lower().startswith(RESERVED):
            raise InvalidParameter(f"Tag keys must not start with '{RESERVED}': '{key}'.")
        switches.check(key, pair.get("value", ""))
        tags[key] = pair.get("value", "")
    return tags


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Both sets of tags, the new ones winning; no more than a resource may have."""
    result = {**old, **new}
    if len(result) > MAX_TAGS:
        raise InvalidParameter(f"A resource can have at most {MAX_TAGS} tags.")
    return result


def present(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]
