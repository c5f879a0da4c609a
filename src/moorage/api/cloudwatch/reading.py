"""Finds series of AWS/ECS and reads their statistics by period, from what is archived and from the minute under way.

What the operations make of it, and all other namespaces, are the neighbours' affair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from moorage.api.context import RequestContext
from moorage.domain import metrics
from moorage.domain.metrics import MINUTE, Listed, Point, Samples, Series
from moorage.engine.ports import OperationFailed
from moorage.wire.faults import Fault, Rejected, reject

SERVICE = "cloudwatch"
INVALID = "InvalidParameterValue"


class Archive(Protocol):
    """Keeps the points of finished minutes."""

    async def series(self, account: str, region: str) -> list[Listed]:
        """Every series of the account and region that has a point, ordered."""

    async def points(self, series: Series, first: int, end: int) -> list[Point]:
        """The series's points of the minutes from `first` on and before `end`, in order."""


class Present(Protocol):
    """Measures the minute under way."""

    async def current(self) -> tuple[int, Mapping[Series, Samples]]:
        """That minute, counted since 1970, and its points until now."""


@dataclass(frozen=True)
class Sources:
    """Where points come from."""

    archive: Archive
    present: Present


@dataclass(frozen=True)
class Asked:
    """A span of time in periods of so many seconds."""

    start: datetime
    end: datetime
    period: int


def asked(start: datetime, end: datetime, period: int, invalid: str = INVALID) -> Asked:
    """The span, checked. Rejected with the code that the operation has for it."""
    if start >= end:
        raise reject(invalid, "The parameter StartTime must be less than the parameter EndTime.")
    if period % MINUTE:
        raise reject(invalid, "The parameter Period must be a multiple of 60 for metrics of AWS/ECS.")
    return Asked(start, end, period)


def dimensions(given: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """Dimensions as a series has them, whatever order they came in."""
    return tuple(sorted((each["Name"], each["Value"]) for each in given))


async def listed(sources: Sources, account: str, region: str) -> list[Listed]:
    """Every series that has a point, ordered."""
    minute, points = await sources.present.current()
    found = {each.series: each for each in await sources.archive.series(account, region)}
    found |= {
        series: Listed(series, minute) for series in points if (series.account, series.region) == (account, region)
    }
    return [found[series] for series in sorted(found)]


async def periods(sources: Sources, series: Series, span: Asked) -> list[tuple[datetime, Samples]]:
    """The samples of each period that has any, in the order of time."""
    first = int(span.start.timestamp()) // span.period * span.period // MINUTE
    end = -(-int(span.end.timestamp()) // MINUTE)
    points = await sources.archive.points(series, first, end)
    minute, present = await sources.present.current()
    if first <= minute < end and series in present and all(point.minute != minute for point in points):
        points.append(Point(minute, present[series]))
    grouped = metrics.by_period(points, span.period)
    return [(datetime.fromtimestamp(0, UTC) + timedelta(seconds=start), grouped[start]) for start in sorted(grouped)]


async def elsewhere(ctx: RequestContext, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the support process answers to the same question."""
    try:
        return await ctx.ask_support(SERVICE, operation, given)
    except OperationFailed as failed:
        raise Rejected(Fault(failed.code, failed.message, failed.status)) from failed
