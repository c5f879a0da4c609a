"""Alarms change their state by what the metrics say, when somebody looks; a deployment's watch is such a somebody."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage.api import operations
from moorage.api.cloudwatch.reading import Sources
from moorage.api.dispatch import Call, Dispatcher
from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.metrics import Listed, Point, Samples, Series
from moorage.domain.service import Alarms as Configured
from moorage.engine.alarms import Alarms
from moorage.engine.ports import OperationFailed
from moorage.store.memory import MemoryStore
from moorage.support.process import SupportProcess
from moorage.system import SystemIds
from moorage.wire.message import Request, Response
from worlds import CLUSTER, HOME, deployment, service, world_with

ACCOUNT, REGION = HOME
ERRORS = Series(ACCOUNT, REGION, "HTTPCode_Target_5XX_Count", (("TargetDiscoveryName", "web"),))
ALARM: dict[str, Any] = {
    "AlarmName": "errors",
    "Namespace": "AWS/ECS",
    "MetricName": ERRORS.name,
    "Dimensions": [{"Name": name, "Value": value} for name, value in ERRORS.dimensions],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "DatapointsToAlarm": 1,
    "Threshold": 3.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


class Machine:
    """The time, which a test moves, and what was metered until then."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(second=5, microsecond=0)
        self.points_of: dict[Series, list[Point]] = {}

    def now(self) -> datetime:
        return self.at

    @property
    def minute(self) -> int:
        return int(self.at.timestamp()) // 60

    def pass_minute(self, errors: float) -> None:
        """A minute with so many errors passes."""
        self.points_of.setdefault(ERRORS, []).append(Point(self.minute, {errors: 1}))
        self.at += timedelta(minutes=1)

    async def series(self, account: str, region: str) -> list[Listed]:
        return [Listed(series, points[-1].minute) for series, points in self.points_of.items()]

    async def points(self, series: Series, first: int, end: int) -> list[Point]:
        return [point for point in self.points_of.get(series, []) if first <= point.minute < end]

    async def current(self) -> tuple[int, Mapping[Series, Samples]]:
        return self.minute, {}


async def no_alarms(_service: str, _request: Request) -> Response:
    """A CloudWatch without alarms."""
    none = "<MetricAlarms/><CompositeAlarms/>"
    body = f"<DescribeAlarmsResponse><DescribeAlarmsResult>{none}</DescribeAlarmsResult></DescribeAlarmsResponse>"
    return Response(200, (), body.encode())


class Scene:
    """CloudWatch as the daemon serves it, before a real support process."""

    def __init__(self, support: SupportProcess | None, store: MemoryStore) -> None:
        self.machine = Machine()
        table = operations.table(sources=Sources(self.machine, self.machine))
        self.operations = Dispatcher(
            table, store, self.machine, SystemIds(), forward=support.forward if support else no_alarms
        )

    async def ask(self, operation: str, **given: Any) -> dict[str, Any]:
        return await self.operations.call(ACCOUNT, REGION, "cloudwatch", operation, given)

    async def alarm(self, name: str = "errors", **given: Any) -> dict[str, Any]:
        (found,) = (await self.ask("DescribeAlarms", AlarmNames=[name], **given))["MetricAlarms"]
        assert isinstance(found, dict)
        return found

    async def kept(self, name: str) -> dict[str, Any]:
        """The alarm as the support process has it, without another look at its metric."""
        call = Call(ACCOUNT, REGION, "cloudwatch", "DescribeAlarms", "r")
        found = await self.operations._call_supporting(call, {"AlarmNames": [name]})
        alarm: dict[str, Any] = found["MetricAlarms"][0]
        return alarm


async def test_errors_alone_set_off_the_alarm_that_a_deployment_is_watched_by(support: SupportProcess) -> None:
    watched = Configured(("errors",), enabled=True, rollback=True)
    spec = service()
    spec = replace(spec, deployment_configuration=replace(spec.deployment_configuration, alarms=watched))
    store = MemoryStore(world=world_with(spec))
    scene = Scene(support, store)
    await scene.ask("PutMetricAlarm", **ALARM)
    alarms, key = Alarms(store, scene.operations), (*HOME, CLUSTER, "web")
    await alarms.reconcile(key)
    scene.machine.pass_minute(errors=2)
    await alarms.reconcile(key)
    watch = store.snapshot().get(AlarmWatch, deployment("web", 1).key)
    assert (watch.monitoring, watch.triggered) == (True, ())
    scene.machine.pass_minute(errors=7)
    await alarms.reconcile(key)
    assert store.snapshot().get(AlarmWatch, deployment("web", 1).key).triggered == ("errors",)

    found = await scene.alarm()
    assert found["StateReason"].startswith("Threshold Crossed: 1 out of the last 2 datapoints [7.0 (")
    assert (await scene.ask("DescribeAlarms", StateValue="OK"))["MetricAlarms"] == []
    for _ in range(4):
        scene.machine.pass_minute(errors=0)
    assert (await scene.alarm(StateValue="OK"))["AlarmName"] == "errors"


async def test_users_metrics_count_and_states_that_are_set_hold_for_a_minute(
    support: SupportProcess,
) -> None:
    scene = Scene(support, MemoryStore())
    mine = {**ALARM, "AlarmName": "mine", "Namespace": "Mine", "MetricName": "Orders", "TreatMissingData": "missing"}
    for alarm in (ALARM, mine):
        await scene.ask("PutMetricAlarm", **alarm)
    assert (await scene.alarm("mine"))["StateValue"] == "INSUFFICIENT_DATA"
    datum = {"MetricName": "Orders", "Dimensions": mine["Dimensions"], "Value": 9.0, "Timestamp": scene.machine.at}
    await scene.ask("PutMetricData", Namespace="Mine", MetricData=[datum])
    scene.machine.at += timedelta(minutes=3)
    assert (await scene.alarm("mine"))["StateValue"] == "ALARM"

    await scene.ask("SetAlarmState", AlarmName="errors", StateValue="ALARM", StateReason="drill")
    # The support process has its own clock: what it calls now decides into which minute a drill falls.
    scene.machine.at = (await scene.kept("errors"))["StateUpdatedTimestamp"]
    assert (await scene.alarm())["StateReason"] == "drill"
    await scene.ask("PutMetricAlarm", **{**ALARM, "Threshold": 9.0})
    changed = await scene.kept("errors")
    assert (changed["Threshold"], changed["StateReason"]) == (9.0, "drill")
    scene.machine.at = changed["StateUpdatedTimestamp"] + timedelta(minutes=2)
    assert (await scene.alarm())["StateValue"] == "OK"


def metric(name: str, **more: Any) -> dict[str, Any]:
    """The errors as a query of an alarm on an expression."""
    own = {"Namespace": "AWS/ECS", "MetricName": ERRORS.name, "Dimensions": ALARM["Dimensions"]}
    return {"Id": name, "MetricStat": {"Metric": own, "Period": 60, "Stat": "Sum"}, "ReturnData": False, **more}


def on(*queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = ("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData")
    return {"AlarmName": "rate", **{name: ALARM[name] for name in kept}, "Metrics": list(queries), **more}


async def test_expressions_and_rules_change_alarms_and_their_history_tells_of_it(support: SupportProcess) -> None:
    scene = Scene(support, MemoryStore())
    await scene.ask("PutMetricAlarm", **ALARM)
    await scene.ask("PutMetricAlarm", **on(metric("m1"), {"Id": "e1", "Expression": "FILL(m1, 0) * 2"}))
    rule = "ALARM(rate) AND NOT ALARM(errors)"
    await scene.ask("PutCompositeAlarm", AlarmName="inner", AlarmRule=rule)
    await scene.ask("PutCompositeAlarm", AlarmName="above", AlarmRule="ALARM(inner) OR FALSE")

    async def states() -> dict[str, str]:
        answer = await scene.ask("DescribeAlarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        found = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    scene.machine.pass_minute(errors=0)
    assert await states() == {"errors": "OK", "rate": "OK", "inner": "OK", "above": "OK"}
    scene.machine.pass_minute(errors=2)
    assert await states() == {"errors": "OK", "rate": "ALARM", "inner": "ALARM", "above": "ALARM"}
    scene.machine.pass_minute(errors=7)
    assert await states() == {"errors": "ALARM", "rate": "ALARM", "inner": "OK", "above": "OK"}

    history = await scene.ask("DescribeAlarmHistory", AlarmName="rate")
    told = [(item["HistoryItemType"], item["HistorySummary"]) for item in history["AlarmHistoryItems"]]
    assert told == [
        ("StateUpdate", "Alarm updated from OK to ALARM"),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to OK"),
        ("ConfigurationUpdate", 'Alarm "rate" created'),
    ]
    data = json.loads(history["AlarmHistoryItems"][0]["HistoryData"])
    assert data["newState"]["stateReasonData"]["recentDatapoints"] == [0.0, 4.0]
    inner = {"AlarmTypes": ["CompositeAlarm"], "HistoryItemType": "StateUpdate", "ScanBy": "TimestampAscending"}
    pages: list[str] = []
    token: dict[str, str] = {}
    while token is not None:
        page = await scene.ask("DescribeAlarmHistory", **inner, AlarmName="inner", MaxRecords=2, **token)
        pages += [item["HistorySummary"].removeprefix("Alarm updated from ") for item in page["AlarmHistoryItems"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert pages == ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]


async def test_an_alarm_that_others_follow_from_is_not_deleted(support: SupportProcess) -> None:
    scene = Scene(support, MemoryStore())
    await scene.ask("PutMetricAlarm", **{**ALARM, "AlarmName": "child"})
    await scene.ask("PutCompositeAlarm", AlarmName="parent", AlarmRule="OK(child)")
    with pytest.raises(OperationFailed, match="Cannot delete child as there are composite"):
        await scene.ask("DeleteAlarms", AlarmNames=["child"])
    await scene.ask("DeleteAlarms", AlarmNames=["child", "parent"])
    last = (await scene.ask("DescribeAlarmHistory", AlarmName="child", MaxRecords=1))["AlarmHistoryItems"][0]
    assert last["HistorySummary"] == 'Alarm "child" deleted'


@pytest.mark.parametrize(
    ("operation", "given", "why"),
    [
        ("PutMetricAlarm", {**ALARM, "ComparisonOperator": "LessThanLowerThreshold"}, "no anomaly detection"),
        ("PutMetricAlarm", {**ALARM, "ThresholdMetricId": "ad1"}, "'ThresholdMetricId' is not supported"),
        ("PutMetricAlarm", {**ALARM, "Period": 10}, "Period 10"),
        ("PutMetricAlarm", {**ALARM, "Namespace": "Mine", "Statistic": "p99"}, "p99"),
        ("PutMetricAlarm", on({"Id": "e1", "Expression": "ANOMALY_DETECTION_BAND(m1)"}, metric("m1")), "ANOMALY"),
        ("PutMetricAlarm", on(metric("m1"), {"Id": "e1", "Expression": "METRICS()"}), "several series"),
        ("PutMetricAlarm", on(metric("m1")), "Exactly one element"),
        ("PutMetricAlarm", on(metric("m1", ReturnData=True), **{"MetricName": "x"}), "Exactly one of"),
        ("PutCompositeAlarm", {"AlarmName": "c", "AlarmRule": "ALARM(a"}, "AlarmRule is not valid"),
        ("PutCompositeAlarm", {"AlarmName": "c", "AlarmRule": "ALARM(none)"}, r"alarms \[none\] in the alarm rule"),
    ],
)
async def test_an_alarm_that_could_never_change_is_refused_by_name(
    operation: str, given: dict[str, Any], why: str
) -> None:
    scene = Scene(None, MemoryStore())
    with pytest.raises(OperationFailed, match=why):
        await scene.ask(operation, **given)
