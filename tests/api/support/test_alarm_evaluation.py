"""Alarms change their state by what the metrics say, when somebody looks; a deployment's watch is such a somebody."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage.api import operations
from moorage.api.cloudwatch.reading import Sources
from moorage.api.dispatch import Dispatcher
from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.metrics import Listed, Point, Samples, Series
from moorage.domain.service import Alarms as Configured
from moorage.engine.alarms import Alarms
from moorage.store.memory import MemoryStore
from moorage.support.process import SupportProcess
from moorage.system import SystemIds
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


class Scene:
    """CloudWatch as the daemon serves it, before a real support process."""

    def __init__(self, support: SupportProcess, store: MemoryStore) -> None:
        self.machine = Machine()
        table = operations.table(sources=Sources(self.machine, self.machine))
        self.operations = Dispatcher(table, store, self.machine, SystemIds(), forward=support.forward)

    async def ask(self, operation: str, **given: Any) -> dict[str, Any]:
        return await self.operations.call(ACCOUNT, REGION, "cloudwatch", operation, given)

    async def alarm(self, name: str = "errors", **given: Any) -> dict[str, Any]:
        (found,) = (await self.ask("DescribeAlarms", AlarmNames=[name], **given))["MetricAlarms"]
        assert isinstance(found, dict)
        return found


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


async def test_users_metrics_count_and_states_that_are_set_hold_for_a_minute_or_for_good(
    support: SupportProcess,
) -> None:
    scene = Scene(support, MemoryStore())
    mine = {**ALARM, "AlarmName": "mine", "Namespace": "Mine", "MetricName": "Orders", "TreatMissingData": "missing"}
    for alarm in (ALARM, mine, {**ALARM, "AlarmName": "too fine", "Period": 10}):
        await scene.ask("PutMetricAlarm", **alarm)
    assert (await scene.alarm("mine"))["StateValue"] == "INSUFFICIENT_DATA"
    datum = {"MetricName": "Orders", "Dimensions": mine["Dimensions"], "Value": 9.0, "Timestamp": scene.machine.at}
    await scene.ask("PutMetricData", Namespace="Mine", MetricData=[datum])
    scene.machine.at += timedelta(minutes=3)
    assert (await scene.alarm("mine"))["StateValue"] == "ALARM"

    for name in ("too fine", "errors"):
        await scene.ask("SetAlarmState", AlarmName=name, StateValue="ALARM", StateReason="drill")
    # The support process has its own clock: what it calls now decides into which minute a drill falls.
    scene.machine.at = (await scene.alarm("too fine"))["StateUpdatedTimestamp"]
    assert (await scene.alarm())["StateReason"] == "drill"
    scene.machine.at += timedelta(minutes=2)
    assert (await scene.alarm())["StateValue"] == "OK"
    assert (await scene.alarm("too fine"))["StateReason"] == "drill"
