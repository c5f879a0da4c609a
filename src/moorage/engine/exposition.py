"""What every proxy counted, in the Prometheus text format, under Moorage's names and labels.

Each series carries its task, so that none goes back when a task ends. Durations are put into buckets whose bounds are
edges of Envoy's own bins, so that none is counted where it was not.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from moorage.domain.traffic import EGRESS, Counts, Side
from moorage.engine.metrics import Heard

BOUNDS: Final = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1000, 1500, 2000, 3000, 5000, 7000, 10_000, 15_000, 30_000, 60_000),
)
"""Upper bounds of the buckets, in milliseconds."""

Labels = Mapping[str, str]
Numbers = Callable[[Counts], Iterable[tuple[Labels, int]]]


@dataclass(frozen=True)
class Family:
    """One metric, and how its numbers follow from the counts of a side, each with the labels that it adds."""

    name: str
    kind: str
    says: str
    numbers: Numbers


def _by_class(counts: Counts) -> Iterable[tuple[Labels, int]]:
    return (({"response_class": name}, count) for name, count in sorted(counts.responses.items()))


def _one(number: Callable[[Counts], int]) -> Numbers:
    return lambda counts: [({}, number(counts))]


FAMILIES: Final = (
    Family("moorage_requests_total", "counter", "Requests answered, by class of status.", _by_class),
    Family("moorage_connections_total", "counter", "Connections accepted.", _one(lambda of: of.connections)),
    Family("moorage_connections_active", "gauge", "Open connections.", _one(lambda of: of.active)),
    Family(
        "moorage_received_bytes_total", "counter", "Bytes received from who connected.", _one(lambda of: of.received)
    ),
    Family("moorage_sent_bytes_total", "counter", "Bytes sent to who connected.", _one(lambda of: of.sent)),
    Family("moorage_targets", "gauge", "Tasks behind the name.", _one(lambda of: of.targets)),
)
DURATIONS: Final = "moorage_request_duration_milliseconds"
UP: Final = "moorage_proxy_up"


def exposition(heard: Iterable[Heard]) -> str:
    """The whole text."""
    heard = list(heard)
    return "".join(_lines(heard))


def _lines(heard: list[Heard]) -> Iterator[str]:
    sides = [
        (_labels(each, side), side, counts) for each in heard for side, counts in sorted((each.reading or {}).items())
    ]
    for family in FAMILIES:
        yield _head(family.name, family.kind, family.says)
        for labels, side, counts in sides:
            if family.name != "moorage_targets" or side.direction == EGRESS:
                for more, number in family.numbers(counts):
                    yield f"{family.name}{{{_written({**labels, **more})}}} {number}\n"
    yield _head(DURATIONS, "histogram", "From sending a request on to the end of its answer.")
    for labels, _, counts in sides:
        if counts.durations:
            yield from _histogram(labels, counts)
    yield _head(UP, "gauge", "Whether the proxy of a running task answered.")
    for each in heard:
        yield f"{UP}{{{_written(_own(each))}}} {0 if each.reading is None else 1}\n"


def _histogram(labels: Labels, counts: Counts) -> Iterator[str]:
    per_bucket = [0] * (len(BOUNDS) + 1)
    for value, count in counts.durations:
        per_bucket[bisect_left(BOUNDS, value)] += count
    *cumulated, total = accumulate(per_bucket)
    for bound, count in zip(BOUNDS, cumulated, strict=True):
        yield f'{DURATIONS}_bucket{{{_written(labels)},le="{bound}"}} {count}\n'
    yield f'{DURATIONS}_bucket{{{_written(labels)},le="+Inf"}} {total}\n'
    yield f"{DURATIONS}_sum{{{_written(labels)}}} {sum(value * count for value, count in counts.durations):g}\n"
    yield f"{DURATIONS}_count{{{_written(labels)}}} {total}\n"


def _own(of: Heard) -> dict[str, str]:
    task = of.of.task
    return {"cluster": task.cluster, "service": of.of.deployment.service, "task": task.id}


def _labels(of: Heard, side: Side) -> dict[str, str]:
    whom = "target_discovery_name" if side.direction == EGRESS else "discovery_name"
    return {**_own(of), "direction": side.direction, whom: side.discovery_name}


def _head(name: str, kind: str, says: str) -> str:
    return f"# HELP {name} {says}\n# TYPE {name} {kind}\n"


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
