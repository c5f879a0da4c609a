"""Tags by which a service asks Moorage for what AWS has no parameter for: their names, and what they may say.

A tag is an ordinary tag to every tool. One that begins with `moorage:` and means nothing is refused, since it would be
a switch that does not switch. What a switch does is decided where it is read.
"""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from moorage.domain.errors import InvalidParameter

PREFIX: Final = "moorage:"
DRAIN_SECONDS: Final = "moorage:drain-seconds"
"""On a service: how long its stopping tasks may finish what they hold, in place of MOORAGE_DRAIN_SECONDS."""

NAMES: Final = "moorage:names"
"""On a service: whether its tasks learn of names that come later, in place of MOORAGE_NAMES."""

FROZEN: Final = "frozen"
LIVE: Final = "live"
LONGEST_DRAIN: Final = 3600.0


def check(key: str, value: str) -> None:
    """Raise InvalidParameter for a switch that is unknown or cannot mean what it says; other tags pass."""
    if not key.startswith(PREFIX):
        return
    if key not in _MEANING:
        known = ", ".join(sorted(_MEANING))
        raise InvalidParameter(f"The tag '{key}' means nothing to Moorage; tags that begin with '{PREFIX}': {known}.")
    _MEANING[key](value)


def drain(tags: Mapping[str, str]) -> timedelta | None:
    """How long a service's stopping tasks may finish what they hold; None: as the daemon is set."""
    value = tags.get(DRAIN_SECONDS)
    return None if value is None else timedelta(seconds=_drain_seconds(value))


def live(tags: Mapping[str, str], default: str) -> bool:
    """Whether a service's tasks learn of names that come later; `default` is how the daemon is set."""
    return tags.get(NAMES, default) == LIVE


def _names(value: str) -> str:
    if value not in (FROZEN, LIVE):
        raise InvalidParameter(f"The tag '{NAMES}' is {FROZEN} or {LIVE}, not '{value}'.")
    return value


def _drain_seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_DRAIN:
        raise InvalidParameter(f"The tag '{DRAIN_SECONDS}' is a number of seconds from 0 to 3600, not '{value}'.")
    return seconds


_MEANING: Final[Mapping[str, Callable[[str], object]]] = {
    DRAIN_SECONDS: _drain_seconds,
    NAMES: _names,
}
