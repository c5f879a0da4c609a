"""In which order a proxy is told things, as a table: make before break, so that no request meets half a change.

`stream` walks the table from the top each time it may send. What is sent is decided by the Bundle.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from moorage.mesh import names


class Kind(Enum):
    """What a step sends, and when it may.

    ADD: new and changed resources. ABSENT: that a name the proxy waits for does not exist. REMOVE: that something it
    holds is gone; only when all steps above have nothing left to send and nothing unanswered.
    """

    ADD = "add"
    ABSENT = "absent"
    REMOVE = "remove"


@dataclass(frozen=True)
class Step:
    """One row. `after_clusters`: each resource waits until the clusters it names, and their endpoints, are answered."""

    type_url: str
    kind: Kind
    after_clusters: bool = False


ORDER = (
    # A proxy asks for the endpoints of a cluster once it has heard of the cluster.
    Step(names.CLUSTER, Kind.ADD),
    # Envoy acknowledges clusters only when all their endpoints have come: this must never wait for that.
    Step(names.ENDPOINTS, Kind.ADD),
    # The same deadlock from the other side: a name that is gone must be answered, or its cluster warms for ever.
    Step(names.ENDPOINTS, Kind.ABSENT),
    # A chain that names an unknown cluster closes every connection; held back, the old listener goes on serving.
    Step(names.LISTENER, Kind.ADD, after_clusters=True),
    # A route to an unknown cluster answers 503. After listeners, since only they make the proxy ask for routes.
    Step(names.ROUTE, Kind.ADD, after_clusters=True),
    Step(names.ROUTE, Kind.ABSENT),
    # Removals go from the door inwards: nothing may lead to what is taken away.
    Step(names.LISTENER, Kind.REMOVE),
    Step(names.ROUTE, Kind.REMOVE),
    Step(names.CLUSTER, Kind.REMOVE),
    Step(names.ENDPOINTS, Kind.REMOVE),
)


@lru_cache(maxsize=16)
def steps_of(types: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps of these types, in order."""
    return tuple(step for step in ORDER if step.type_url in types)
