"""Reading metrics as clients do: AWS/ECS is answered here, all else by the support process, both in one answer."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from botocore.exceptions import ClientError

from moorage.api import operations
from moorage.api.cloudwatch.reading import Sources
from moorage.domain.metrics import Listed, Point, Samples, Series
from moorage.wire.message import Request, Response

ACCOUNT, REGION = "123456789012", "eu-west-1"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = int(NOW.timestamp()) // 60
DIMENSIONS = (("ClusterName", "demo"), ("DiscoveryName", "api"), ("ServiceName", "api"))
REQUESTS = Series(ACCOUNT, REGION, "RequestCount", (("DiscoveryName", "api"),))
OF_SERVICE = Series(ACCOUNT, REGION, "RequestCount", DIMENSIONS)
TIMES = Series(ACCOUNT, REGION, "TargetResponseTime", (("TargetDiscoveryName", "api"),))
OLD = Series(ACCOUNT, REGION, "ProcessedBytes", (("DiscoveryName", "gone"),))
ELSEWHERE = Series(ACCOUNT, "us-east-1", "RequestCount", (("DiscoveryName", "far"),))


class Kept:
    """Ten minutes of requests and one of times; the minute under way has requests only."""

    def __init__(self) -> None:
        self.held = {
            REQUESTS: [Point(MINUTE - back, {float(back): 1}) for back in range(10, 0, -1)],
            OF_SERVICE: [Point(MINUTE - 1, {1.0: 1})],
            TIMES: [Point(MINUTE - 1, {2.0: 98, 50.0: 2})],
            OLD: [Point(MINUTE - 600, {1.0: 1})],
            ELSEWHERE: [Point(MINUTE - 1, {9.0: 1})],
        }

    async def series(self, account: str, region: str) -> list[Listed]:
        found = [Listed(series, points[-1].minute) for series, points in self.held.items()]
        return sorted(
            (each for each in found if (each.series.account, each.series.region) == (account, region)),
            key=lambda listed: listed.series,
        )

    async def points(self, series: Series, first: int, end: int) -> list[Point]:
        return [point for point in self.held.get(series, []) if first <= point.minute < end]

    async def current(self) -> tuple[int, Mapping[Series, Samples]]:
        return MINUTE, {REQUESTS: {7.0: 1}}


class Behind:
    """A support process that knows one metric of a user's, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, service: str, request: Request) -> Response:
        operation = request.header("x-amz-target").rpartition(".")[2]
        given = orjson.loads(request.body)
        self.asked.append(operation)
        if operation == "ListMetrics":
            body: Any = {"Metrics": [{"Namespace": "Mine", "MetricName": "Orders", "Dimensions": []}]}
        elif operation == "GetMetricStatistics":
            body = {"Label": given["MetricName"], "Datapoints": []}
        else:
            body = {
                "MetricDataResults": [
                    {"Id": query["Id"], "Label": "Orders", "Timestamps": [1], "Values": [5.0], "StatusCode": "Complete"}
                    for query in given["MetricDataQueries"]
                ]
            }
        return Response(200, (("content-type", "application/x-amz-json-1.0"),), orjson.dumps(body))


@pytest.fixture(scope="module")
def behind() -> Behind:
    return Behind()


@pytest.fixture(scope="module")
def served(serve: Any, behind: Behind) -> Any:
    kept = Kept()
    return serve(table=operations.table(sources=Sources(kept, kept)), forward=behind)


@pytest.fixture
def cloudwatch(served: Any, behind: Behind) -> Iterator[Any]:
    behind.asked.clear()
    return served.client("cloudwatch")


def statistics(cloudwatch: Any, series: Series, **more: Any) -> list[dict[str, Any]]:
    given = {
        "Namespace": "AWS/ECS",
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in reversed(series.dimensions)],
        "StartTime": NOW - timedelta(minutes=5),
        "EndTime": NOW + timedelta(minutes=1),
        "Period": 60,
        **({} if "ExtendedStatistics" in more else {"Statistics": ["Sum"]}),
        **more,
    }
    found: list[dict[str, Any]] = cloudwatch.get_metric_statistics(**given)["Datapoints"]
    return found


def query(name: str, series: Series, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/ECS",
        "MetricName": series.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
    }
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **more}


def data(cloudwatch: Any, *queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    span = {"StartTime": NOW - timedelta(minutes=10), "EndTime": NOW + timedelta(minutes=1)}
    found: dict[str, Any] = cloudwatch.get_metric_data(MetricDataQueries=list(queries), **span | more)
    return found


MINE = {
    "Id": "mine",
    "MetricStat": {"Metric": {"Namespace": "Mine", "MetricName": "Orders"}, "Period": 60, "Stat": "Sum"},
}


def test_statistics_come_with_their_unit_and_the_minute_under_way(cloudwatch: Any, behind: Behind) -> None:
    found = statistics(cloudwatch, REQUESTS, Statistics=["Sum", "SampleCount"])
    assert [point["Sum"] for point in found] == [5, 4, 3, 2, 1, 7]
    assert found[-1] == {"Timestamp": found[-1]["Timestamp"], "Sum": 7.0, "SampleCount": 1.0, "Unit": "Count"}
    assert found[-1]["Timestamp"] == NOW
    assert behind.asked == []


def test_a_period_of_minutes_holds_all_of_them(cloudwatch: Any) -> None:
    found = statistics(cloudwatch, REQUESTS, StartTime=NOW - timedelta(hours=1), Period=3600, Statistics=["Sum"])
    assert sum(point["Sum"] for point in found) == sum(range(1, 11)) + 7


def test_percentiles_of_the_response_time_are_those_of_the_requests(cloudwatch: Any) -> None:
    (found,) = statistics(cloudwatch, TIMES, ExtendedStatistics=["p50", "p98", "p99"])
    assert found["ExtendedStatistics"] == {"p50": 2.0, "p98": 2.0, "p99": 50.0}
    assert found["Unit"] == "Milliseconds"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"StartTime": NOW + timedelta(hours=1)}, "must be less than the parameter EndTime"),
        ({"Period": 90}, "multiple of 60"),
        ({"StartTime": NOW - timedelta(days=2)}, "exceeds the limit of 1,440"),
        ({"ExtendedStatistics": ["tm90"]}, "tm90"),
    ],
)
def test_what_cannot_be_asked_is_refused(cloudwatch: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match=says):
        statistics(cloudwatch, REQUESTS, **more)


def test_another_unit_or_an_unknown_series_has_no_points(cloudwatch: Any) -> None:
    assert statistics(cloudwatch, REQUESTS, Unit="Bytes") == []
    assert statistics(cloudwatch, Series(ACCOUNT, REGION, "RequestCount", ())) == []


def test_data_of_both_kinds_come_in_the_order_that_was_asked(cloudwatch: Any, behind: Behind) -> None:
    found = data(cloudwatch, query("a", OF_SERVICE), MINE, query("b", TIMES, "p99", Label="slow"))
    assert [(each["Id"], each["Label"], each["Values"]) for each in found["MetricDataResults"]] == [
        ("a", "RequestCount", [1.0]),
        ("mine", "Orders", [5.0]),
        ("b", "slow", [50.0]),
    ]
    assert behind.asked == ["GetMetricData"]


def test_newest_come_first_unless_asked_otherwise(cloudwatch: Any) -> None:
    assert data(cloudwatch, query("a", REQUESTS))["MetricDataResults"][0]["Values"][:3] == [7.0, 1.0, 2.0]
    found = data(cloudwatch, query("a", REQUESTS), ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert found["Values"] == [float(back) for back in range(10, 0, -1)] + [7.0]
    assert found["Timestamps"] == sorted(found["Timestamps"])


def test_pages_hold_every_point_once(cloudwatch: Any) -> None:
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("a", REQUESTS), query("b", TIMES)],
        StartTime=NOW - timedelta(minutes=10),
        EndTime=NOW + timedelta(minutes=1),
        MaxDatapoints=4,
    )
    found: dict[str, list[float]] = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            found.setdefault(result["Id"], []).extend(result["Values"])
    assert found == {"a": [7.0] + [float(back) for back in range(1, 11)], "b": [296.0]}


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        ([query("a", REQUESTS), {"Id": "e", "Expression": "b * 2"}], "names 'b'"),
        ([query("a", REQUESTS), {"Id": "e", "Expression": "SEARCH('{AWS/ECS,ServiceName}','Sum')"}], "SEARCH"),
        ([{"Id": "e", "Expression": "f"}, {"Id": "f", "Expression": "e"}], "name each other"),
        ([query("a", REQUESTS, "tm99")], "statistic tm99"),
        ([query("a", REQUESTS), query("a", TIMES)], "not unique"),
        ([query("Upper", REQUESTS)], "Upper"),
    ],
)
def test_queries_that_are_not_answered_are_refused_by_name(
    cloudwatch: Any, queries: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(ClientError, match=says):
        data(cloudwatch, *queries)


def test_a_token_that_nobody_gave_is_refused(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="InvalidNextToken"):
        data(cloudwatch, query("a", REQUESTS), NextToken="made up")


def names(found: dict[str, Any]) -> list[str]:
    return [metric["MetricName"] for metric in found["Metrics"]]


def test_metrics_are_listed_by_name_dimension_and_recent_use(cloudwatch: Any, behind: Behind) -> None:
    every = ["ProcessedBytes", "RequestCount", "RequestCount", "TargetResponseTime"]
    assert names(cloudwatch.list_metrics(Namespace="AWS/ECS")) == every
    assert names(cloudwatch.list_metrics(Namespace="AWS/ECS", RecentlyActive="PT3H")) == every[1:]
    found = cloudwatch.list_metrics(Namespace="AWS/ECS", Dimensions=[{"Name": "ServiceName", "Value": "api"}])
    (metric,) = found["Metrics"]
    assert [(each["Name"], each["Value"]) for each in metric["Dimensions"]] == list(DIMENSIONS)
    assert names(cloudwatch.list_metrics(Namespace="AWS/ECS", Dimensions=[{"Name": "ServiceName"}])) == ["RequestCount"]
    assert behind.asked == []


def test_without_a_namespace_those_of_the_support_process_follow(cloudwatch: Any, behind: Behind) -> None:
    assert names(cloudwatch.list_metrics())[-2:] == ["TargetResponseTime", "Orders"]
    assert names(cloudwatch.list_metrics(Namespace="Mine")) == ["Orders"]
    assert behind.asked == ["ListMetrics"] * 2


def test_an_old_client_may_ask_in_query_and_read_xml(served: Any) -> None:
    form = {
        "Action": "GetMetricStatistics",
        "Version": "2010-08-01",
        "Namespace": "AWS/ECS",
        "MetricName": "TargetResponseTime",
        "Dimensions.member.1.Name": "TargetDiscoveryName",
        "Dimensions.member.1.Value": "api",
        "StartTime": (NOW - timedelta(minutes=5)).isoformat(),
        "EndTime": (NOW + timedelta(minutes=1)).isoformat(),
        "Period": "60",
        "Statistics.member.1": "Maximum",
    }
    scope = f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/monitoring/aws4_request, SignedHeaders=host"
    headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"{scope}, Signature=x"}
    answer = served.post(content=urlencode(form).encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert "<Maximum>50.0</Maximum>" in answer.text
    assert "<Unit>Milliseconds</Unit>" in answer.text
