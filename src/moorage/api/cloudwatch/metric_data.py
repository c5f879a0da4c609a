"""GetMetricData: queries of AWS/ECS are answered here, others by the support process, and both in one answer.

Expressions are worked out here, over metrics of whatever namespace (`expressions`).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from moorage.api.cloudwatch import expressions, reading
from moorage.api.cloudwatch.reading import Sources
from moorage.api.context import RequestContext
from moorage.domain import metrics
from moorage.domain.metrics import NAMESPACE, UNITS, Series
from moorage.wire.faults import reject

INVALID = "ValidationError"
MAX_POINTS = 100_800
MAX_QUERIES = 500
_TOKEN = re.compile(r"ecs/(\d{1,6})/(\d{1,9})", re.ASCII)
_NAME = re.compile(r"[a-z][a-zA-Z0-9_]*", re.ASCII)

Query = dict[str, Any]


@dataclass(frozen=True)
class _Values:
    """What one query found, in the order that was asked for."""

    times: list[datetime]
    values: list[float]


class MetricData:
    """The operation."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def get_metric_data(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        queries: list[Query] = given["MetricDataQueries"]
        own, others = _sorted_out(queries)
        if any("Expression" in query for query in queries):
            return await expressions.worked_out(partial(self.get_metric_data, ctx), given)
        if not own:
            return await reading.elsewhere(ctx, "GetMetricData", given)
        begin = _begin(given.get("NextToken"))
        shown, token = await self._own(ctx, given, [query for query in own if query.get("ReturnData", True)], begin)
        results = {result["Id"]: result for result in shown}
        messages: list[Any] = []
        if others and begin == (0, 0):
            answer = await reading.elsewhere(ctx, "GetMetricData", given | {"MetricDataQueries": others})
            results |= {result["Id"]: result for result in answer["MetricDataResults"]}
            messages = answer.get("Messages", [])
        ordered = [results[query["Id"]] for query in queries if query["Id"] in results]
        return {"MetricDataResults": ordered, "Messages": messages, **({"NextToken": token} if token else {})}

    async def _own(
        self, ctx: RequestContext, given: dict[str, Any], queries: list[Query], begin: tuple[int, int]
    ) -> tuple[list[dict[str, Any]], str]:
        """The results from a query and its point on, as many as may be given at once, and where it goes on."""
        room = given.get("MaxDatapoints", MAX_POINTS)
        shown = []
        for number in range(begin[0], len(queries)):
            skipped = begin[1] if number == begin[0] else 0
            found = await self._values(ctx, given, queries[number])
            some = slice(skipped, skipped + room)
            room -= len(found.values[some])
            cut = skipped + len(found.values[some]) < len(found.values)
            shown.append(_result(queries[number], _Values(found.times[some], found.values[some]), cut))
            if cut:
                return shown, f"ecs/{number}/{skipped + len(found.values[some])}"
        return shown, ""

    async def _values(self, ctx: RequestContext, given: dict[str, Any], query: Query) -> _Values:
        stat = query["MetricStat"]
        name, metric = stat["Stat"], stat["Metric"]
        if not metrics.is_statistic(name):
            raise reject(INVALID, f"The statistic {name} of query {query['Id']} is not supported by Moorage.")
        span = reading.asked(given["StartTime"], given["EndTime"], stat["Period"], INVALID)
        unit = UNITS.get(metric.get("MetricName", ""))
        if unit is None or stat.get("Unit", unit) != unit:
            return _Values([], [])
        dimensions = reading.dimensions(metric.get("Dimensions", ()))
        found = await reading.periods(
            self._sources, Series(ctx.account, ctx.region, metric["MetricName"], dimensions), span
        )
        if given.get("ScanBy") != "TimestampAscending":
            found.reverse()
        return _Values([start for start, _ in found], [metrics.statistic(samples, name) for _, samples in found])


def _sorted_out(queries: list[Query]) -> tuple[list[Query], list[Query]]:
    """The queries of AWS/ECS, and the others. Rejected where ids are no ids, or too many."""
    ids = [query["Id"] for query in queries]
    for number, name in enumerate(ids):
        if _NAME.fullmatch(name) is None:
            raise reject(INVALID, f"The value {name} for parameter Id is not matching the expected pattern.")
        if name in ids[:number]:
            raise reject(INVALID, f"The values for parameter id in MetricDataQueries are not unique: {name}.")
    if len(queries) > MAX_QUERIES:
        raise reject(INVALID, f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
    own = [query for query in queries if _is_own(query)]
    mine = {query["Id"] for query in own}
    others = [query for query in queries if query["Id"] not in mine]
    return own, others


def _is_own(query: Query) -> bool:
    own: bool = query.get("MetricStat", {}).get("Metric", {}).get("Namespace") == NAMESPACE
    if own and "Expression" in query:
        raise reject(INVALID, f"Query {query['Id']} must have either an Expression or a MetricStat, not both.")
    if own and "${" in query.get("Label", ""):
        raise reject(INVALID, f"The dynamic label of query {query['Id']} is not supported by Moorage.")
    return own


def _result(query: Query, found: _Values, cut: bool) -> dict[str, Any]:
    return {
        "Id": query["Id"],
        "Label": query.get("Label", query["MetricStat"]["Metric"].get("MetricName", "")),
        "Timestamps": found.times,
        "Values": found.values,
        "StatusCode": "PartialData" if cut else "Complete",
    }


def _begin(token: str | None) -> tuple[int, int]:
    if token is None:
        return (0, 0)
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise reject("InvalidNextToken", "The token in the request is not valid.")
    return int(found[1]), int(found[2])
