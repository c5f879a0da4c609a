"""CloudWatch's nouns for the metrics of AWS/ECS: a series, its points, and the statistics that are read from them.

A point holds its samples by value, so that every statistic and every percentile follows from it alone. Names and units
are those of docs/reference/service-connect.md section 5.1 and of "Amazon ECS CloudWatch metrics" in AWS's guide.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

NAMESPACE: Final = "AWS/ECS"
MINUTE: Final = 60

COUNT: Final = "Count"
BYTES: Final = "Bytes"
MILLISECONDS: Final = "Milliseconds"
PERCENT: Final = "Percent"

UNITS: Final[Mapping[str, str]] = {
    "ActiveConnectionCount": COUNT,
    "NewConnectionCount": COUNT,
    "ProcessedBytes": BYTES,
    "RequestCount": COUNT,
    "GrpcRequestCount": COUNT,
    "ClientTLSNegotiationErrorCount": COUNT,
    "HTTPCode_Target_2XX_Count": COUNT,
    "HTTPCode_Target_3XX_Count": COUNT,
    "HTTPCode_Target_4XX_Count": COUNT,
    "HTTPCode_Target_5XX_Count": COUNT,
    "RequestCountPerTarget": COUNT,
    "TargetProcessedBytes": BYTES,
    "TargetResponseTime": MILLISECONDS,
    "TargetTLSNegotiationErrorCount": COUNT,
    "CPUUtilization": PERCENT,
    "MemoryUtilization": PERCENT,
}
"""Every metric that is published, with its unit."""

STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE: Final = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)", re.ASCII)

Samples = Mapping[float, int]
"""Values, and how often each was seen."""


@dataclass(frozen=True, order=True)
class Series:
    """One metric with one set of dimensions, (name, value) pairs ordered by name, in one account and region."""

    account: str
    region: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def unit(self) -> str:
        return UNITS[self.name]


@dataclass(frozen=True)
class Listed:
    """A series and the last minute (counted since 1970) that it has a point of."""

    series: Series
    last: int


@dataclass(frozen=True)
class Point:
    """The samples of one minute, counted since 1970."""

    minute: int
    samples: Samples


def merged(many: Iterable[Samples]) -> dict[float, int]:
    """All samples together."""
    total: dict[float, int] = {}
    for samples in many:
        for value, count in samples.items():
            total[value] = total.get(value, 0) + count
    return total


def is_statistic(name: str) -> bool:
    """True for the five plain statistics and for percentiles (p0 to p100)."""
    return name in STATISTICS or _PERCENTILE.fullmatch(name) is not None


def statistic(samples: Samples, name: str) -> float:
    """The statistic of at least one sample; a percentile is the smallest value that so many percent do not exceed."""
    count = sum(samples.values())
    match name:
        case "SampleCount":
            return float(count)
        case "Minimum":
            return float(min(samples))
        case "Maximum":
            return float(max(samples))
        case "Sum":
            return _sum(samples)
        case "Average":
            return _sum(samples) / count
        case _:
            return _percentile(samples, count, float(name.removeprefix("p")))


def by_period(points: Iterable[Point], period: int) -> dict[int, dict[float, int]]:
    """The samples of each period that has any, by the second (since 1970) at which the period begins."""
    found: dict[int, list[Samples]] = {}
    for point in points:
        found.setdefault(point.minute * MINUTE // period * period, []).append(point.samples)
    return {start: merged(many) for start, many in found.items()}


def _sum(samples: Samples) -> float:
    return float(sum(value * count for value, count in samples.items()))


def _percentile(samples: Samples, count: int, percent: float) -> float:
    wanted, seen = count * percent / 100, 0
    for value in sorted(samples):
        seen += samples[value]
        if seen >= wanted:
            return float(value)
    return float(max(samples))
