"""The numbers of the data path that AWS does not publish: chosen here, with a reason each in docs/decisions, settable.

What AWS documents (round robin, retries, timeouts, the length of an ejection) is not here: it is not a choice.
"""

from dataclasses import dataclass, fields

LIMIT = 2**32
"""Envoy counts in 32 bits."""


@dataclass(frozen=True)
class Policies:
    """`ejection_percent`: how many of an alias's tasks may be ejected at once (docs/decisions/0101).

    `zone_minimum`: a proxy prefers its own zone where at least so many of an alias's tasks are in it; 0: nowhere
    (docs/decisions/0109).

    `max_connections`, `max_pending_requests`, `max_requests`: how many connections one proxy may have towards one
    alias, how many requests may wait for one, and how many be under way; 0: any number. `connect_seconds`: how long a
    connection may take (docs/decisions/0103).

    Raise ValueError, with the name of the variable, for a number that none of this can mean.
    """

    ejection_percent: int = 50
    zone_minimum: int = 2
    max_connections: int = 0
    max_pending_requests: int = 0
    max_requests: int = 0
    connect_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.ejection_percent <= 100:
            raise ValueError(_said("ejection_percent", "a share of the tasks, from 0 to 100", self.ejection_percent))
        # Envoy counts it in milliseconds, and refuses the cluster of every alias for no time at all.
        if not 0.001 <= self.connect_seconds <= 3600:
            raise ValueError(_said("connect_seconds", "a time from 0.001 to 3600 s", self.connect_seconds))
        for name in ("zone_minimum", "max_connections", "max_pending_requests", "max_requests"):
            if not 0 <= getattr(self, name) < LIMIT:
                raise ValueError(_said(name, f"a number from 0 to {LIMIT - 1}", getattr(self, name)))

    @classmethod
    def of(cls, settings: object) -> "Policies":
        """The policies among the fields of a daemon's settings, where they have the same names."""
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls)})


DEFAULT = Policies()


def _said(name: str, meaning: str, given: float) -> str:
    """In the words of who sets it: by an environment variable (docs/settings.md)."""
    return f"MOORAGE_{name.upper()}: {given:g} is not {meaning}"
