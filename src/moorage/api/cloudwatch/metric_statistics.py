"""GetMetricStatistics and ListMetrics for AWS/ECS; any other namespace is the support process's."""

from datetime import timedelta
from typing import Any

from moorage.api.cloudwatch import reading
from moorage.api.cloudwatch.reading import INVALID, Sources
from moorage.api.context import RequestContext
from moorage.api.paging import page
from moorage.domain import metrics
from moorage.domain.metrics import MINUTE, NAMESPACE, UNITS, Listed, Samples, Series
from moorage.wire.faults import reject

MAX_POINTS = 1_440
MAX_LISTED = 500
RECENTLY = timedelta(hours=3)
_ELSEWHERE = "elsewhere/"
"""Begins the tokens of pages that the support process made."""


class MetricStatistics:
    """The two operations."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def get_metric_statistics(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        if given["Namespace"] != NAMESPACE:
            return await reading.elsewhere(ctx, ctx.operation, given)
        wanted = _wanted(given)
        span = reading.asked(given["StartTime"], given["EndTime"], given["Period"])
        points = (span.end - span.start).total_seconds() / span.period
        if points > MAX_POINTS:
            raise reject(
                "InvalidParameterCombination",
                f"You have requested up to {points:.0f} datapoints, which exceeds the limit of 1,440. You may reduce "
                "the datapoints requested by increasing Period, or decreasing the time range.",
            )
        name = given["MetricName"]
        series = Series(ctx.account, ctx.region, name, reading.dimensions(given.get("Dimensions", ())))
        unit = UNITS.get(name)
        if unit is None or given.get("Unit", unit) != unit:
            return {"Label": name, "Datapoints": []}
        found = await reading.periods(self._sources, series, span)
        shown = [{"Timestamp": start, "Unit": unit, **_statistics(samples, wanted)} for start, samples in found]
        return {"Label": name, "Datapoints": shown}

    async def list_metrics(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        """Those of AWS/ECS come first; the support process is asked only where no namespace, or another, is named."""
        token = given.get("NextToken", "")
        namespace = given.get("Namespace")
        if namespace not in (None, NAMESPACE) or token.startswith(_ELSEWHERE):
            return await _others(ctx, given, token.removeprefix(_ELSEWHERE))
        found = [each for each in await self._own(ctx, given) if _matches(each, given)]
        some = page(found, _sortable, MAX_LISTED, token or None)
        shown = {"Metrics": [_metric(each.series) for each in some.records]}
        if some.token or namespace is not None:
            return {**shown, **some.named()}
        others = await _others(ctx, given, "")
        return {**others, "Metrics": shown["Metrics"] + others["Metrics"]}

    async def _own(self, ctx: RequestContext, given: dict[str, Any]) -> list[Listed]:
        found = await reading.listed(self._sources, ctx.account, ctx.region)
        if "RecentlyActive" not in given:
            return found
        oldest = (ctx.now() - RECENTLY).timestamp() // MINUTE
        return [each for each in found if each.last >= oldest]


async def _others(ctx: RequestContext, given: dict[str, Any], token: str) -> dict[str, Any]:
    rest = {name: value for name, value in given.items() if name != "NextToken"}
    answer = await reading.elsewhere(ctx, "ListMetrics", rest | ({"NextToken": token} if token else {}))
    if "NextToken" in answer:
        answer["NextToken"] = _ELSEWHERE + answer["NextToken"]
    return {"Metrics": [], **answer}


def _wanted(given: dict[str, Any]) -> list[str]:
    plain, percentiles = given.get("Statistics", []), given.get("ExtendedStatistics", [])
    if not plain and not percentiles:
        raise reject("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
    for name in percentiles:
        if not metrics.is_statistic(name) or name in metrics.STATISTICS:
            raise reject(
                INVALID,
                f"The value {name} for parameter ExtendedStatistics is not supported by Moorage: p0 to p100 are.",
            )
    return [*plain, *percentiles]


def _statistics(samples: Samples, wanted: list[str]) -> dict[str, Any]:
    plain = {name: metrics.statistic(samples, name) for name in wanted if name in metrics.STATISTICS}
    extended = {name: metrics.statistic(samples, name) for name in wanted if name not in metrics.STATISTICS}
    return {**plain, **({"ExtendedStatistics": extended} if extended else {})}


def _matches(listed: Listed, given: dict[str, Any]) -> bool:
    held = dict(listed.series.dimensions)
    return given.get("MetricName", listed.series.name) == listed.series.name and all(
        each["Name"] in held and each.get("Value", held[each["Name"]]) == held[each["Name"]]
        for each in given.get("Dimensions", ())
    )


def _sortable(listed: Listed) -> str:
    """In the order of the series: a byte that no name holds ends each part."""
    series = listed.series
    return "\x00".join([series.name, *(part for pair in series.dimensions for part in pair)])


def _metric(series: Series) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in series.dimensions]
    return {"Namespace": NAMESPACE, "MetricName": series.name, "Dimensions": named}
