"""What one proxy counted: for each side of it, a name that it serves or a name that it calls, how much passed.

All numbers only grow for as long as the proxy runs, but for `active` and `targets`, which are of the moment. What is
published of them is `planning/metering`'s decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

EGRESS: Final = "egress"
INGRESS: Final = "ingress"

Durations = tuple[tuple[float, int], ...]
"""Milliseconds, and how many requests took so long; ordered."""


@dataclass(frozen=True, order=True)
class Side:
    """`discovery_name` is whom this side leads to: another service (egress), or the task's own port (ingress)."""

    direction: str
    discovery_name: str
    protocol: str


@dataclass(frozen=True)
class Counts:
    """`responses` by class ("2xx"); bytes as seen by who connected; `durations` until the end of an answer.

    `targets`: how many tasks are behind the name. `tls_errors`: handshakes that failed.
    """

    responses: Mapping[str, int]
    requests: int = 0
    connections: int = 0
    active: int = 0
    received: int = 0
    sent: int = 0
    durations: Durations = ()
    targets: int = 0
    tls_errors: int = 0


Reading = Mapping[Side, Counts]
"""One proxy at one moment."""

NOTHING: Final = Counts({})


@dataclass(frozen=True)
class Baseline:
    """What a task's counts were when the minute began: those of its proxy, and the CPU time of each container."""

    counts: tuple[tuple[Side, Counts], ...] = ()
    cpu: dict[str, int] = field(default_factory=dict)
    at: float = 0.0


def since(now: Counts, before: Counts) -> Counts:
    """What came to the counts after `before`. A count that went back began anew: its proxy was started again."""
    if now.requests < before.requests or now.connections < before.connections:
        before = NOTHING
    former = dict(before.durations)
    return Counts(
        responses={name: count - before.responses.get(name, 0) for name, count in now.responses.items()},
        requests=now.requests - before.requests,
        connections=now.connections - before.connections,
        active=now.active,
        received=now.received - before.received,
        sent=now.sent - before.sent,
        durations=tuple((value, more) for value, count in now.durations if (more := count - former.get(value, 0)) > 0),
        targets=now.targets,
        tls_errors=now.tls_errors - before.tls_errors,
    )
