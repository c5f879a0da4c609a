"""GetMetricData with expressions: reads the metrics that they name, of whatever namespace, and works them out.

What an expression means is `domain/metric_math`'s. Which metrics there are, `metric_data`'s.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage.domain import metric_math
from moorage.domain.metric_math import MANY, NUMBER, SERIES, Expression, NotAnExpression, Scene
from moorage.wire.faults import reject

INVALID = "ValidationError"
PERIOD = 60
"""Of expressions over nothing that has a period."""

Query = Mapping[str, Any]
Read = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""GetMetricData of queries without expressions."""


def read(queries: Sequence[Query]) -> dict[str, Expression]:
    """The expressions of the queries by id, each after those that it names. Rejected if one cannot be worked out."""
    kinds = {query["Id"]: SERIES for query in queries if "Expression" not in query}
    left = [query for query in queries if "Expression" in query]
    found: dict[str, Expression] = {}
    while left:
        waiting = {query["Id"] for query in left}
        ready = [query for query in left if not metric_math.named(query["Expression"]) & waiting - {query["Id"]}]
        if not ready:
            raise reject(INVALID, f"The expressions {', '.join(sorted(waiting))} name each other.")
        for query in ready:
            found[query["Id"]] = _expression(query, kinds)
            kinds[query["Id"]] = found[query["Id"]].kind
        left = [query for query in left if query["Id"] not in found]
    return found


def _expression(query: Query, kinds: Mapping[str, str]) -> Expression:
    try:
        return metric_math.parse(query["Expression"], kinds)
    except NotAnExpression as why:
        raise reject(INVALID, f"Error in expression '{query['Id']}': the expression {why}.") from why


def period(queries: Sequence[Query]) -> int:
    """The one period of all queries. Rejected if they differ: values of several lengths are not joined here."""
    found = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    found |= {query["Period"] for query in queries if query.get("Period")}
    if len(found) > 1:
        raise reject(INVALID, f"Metrics of an expression have the periods {sorted(found)}; Moorage joins those of one.")
    return next(iter(found), PERIOD)


async def worked_out(ask: Read, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to queries of which some are expressions."""
    queries: list[Query] = given["MetricDataQueries"]
    expressions, seconds = read(queries), period(queries)
    plain = [{**query, "ReturnData": True} for query in queries if query["Id"] not in expressions]
    scene = Scene(
        {
            name: dict(zip(map(_utc, found["Timestamps"]), map(float, found["Values"]), strict=True))
            for name, found in (await _all(ask, given, plain)).items()
        },
        [query["Id"] for query in plain],
        _times(given["StartTime"], given["EndTime"], seconds),
        seconds,
    )
    values: dict[str, Any] = dict(scene.series)
    for name, expression in expressions.items():
        values[name] = expression.run(Scene(values, scene.metrics, scene.times, seconds))
    kinds = {name: expression.kind for name, expression in expressions.items()}
    latest_first = given.get("ScanBy") != "TimestampAscending"
    results = [
        _result(query, series, latest_first)
        for query in queries
        if query.get("ReturnData", True)
        for series in _series(values[query["Id"]], kinds.get(query["Id"], SERIES), scene)
    ]
    return {"MetricDataResults": results, "Messages": []}


async def _all(ask: Read, given: Mapping[str, Any], plain: list[dict[str, Any]]) -> dict[str, Any]:
    """Every point of the queries without expressions, by id."""
    found: dict[str, Any] = {}
    asked = {"MetricDataQueries": plain, "StartTime": given["StartTime"], "EndTime": given["EndTime"]}
    while plain:
        answer = await ask(asked)
        for result in answer["MetricDataResults"]:
            before = found.setdefault(result["Id"], {"Timestamps": [], "Values": []})
            before["Timestamps"] += result["Timestamps"]
            before["Values"] += result["Values"]
        if not answer.get("NextToken"):
            break
        asked["NextToken"] = answer["NextToken"]
    return found


def _times(start: datetime, end: datetime, seconds: int) -> list[datetime]:
    first = int(start.timestamp()) // seconds * seconds
    return [
        datetime.fromtimestamp(0, UTC) + timedelta(seconds=at) for at in range(first, int(end.timestamp()), seconds)
    ]


def _series(value: Any, kind: str, scene: Scene) -> list[dict[datetime, float]]:
    if kind == MANY:
        return list(value)
    if kind == NUMBER:
        return [dict.fromkeys(scene.times, value) if value is not None else {}]
    return [value]


def _result(query: Query, series: Mapping[datetime, float], latest_first: bool) -> dict[str, Any]:
    times = sorted(series, reverse=latest_first)
    metric = query.get("MetricStat", {}).get("Metric", {}).get("MetricName", query["Id"])
    return {
        "Id": query["Id"],
        "Label": query.get("Label", metric),
        "Timestamps": times,
        "Values": [series[at] for at in times],
        "StatusCode": "Complete",
    }


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
