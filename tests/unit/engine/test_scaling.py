"""Services are scaled through UpdateService: written down first, asked for again after a crash, told when it fails."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.scaling import FAILED, STEPS, SUCCESSFUL, TRACKING, ScalableTarget, ScalingActivity, ScalingPolicy
from moorage.engine.ports import OperationFailed
from moorage.engine.scaling import Scaling
from moorage.store.memory import MemoryStore
from moorage.system import SystemIds
from worlds import HOME, NOON, service, world_with

PLACE = (*HOME, "service/demo/web")
CPU = {
    "TargetValue": 50.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}
STEP = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 2}]}


class Clock:
    at = NOON + timedelta(seconds=7)

    def now(self) -> datetime:
        return self.at


class Operations:
    """CloudWatch with a busy service and an alarm; ECS, which fails as long as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.failing: list[int] = []

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (account, region) == HOME
        self.asked.append((operation, arguments))
        if operation == "GetMetricData":
            end = arguments["EndTime"]
            times = [end - timedelta(minutes=back) for back in range(1, 16)]
            return {"MetricDataResults": [{"Id": "m", "Timestamps": times, "Values": [90.0] * 15}]}
        if operation == "DescribeAlarms":
            alarm = {"AlarmName": "high", "Threshold": 1.0, "StateReasonData": '{"recentDatapoints":[1.0,2.5]}'}
            return {"MetricAlarms": [alarm]}
        if self.failing:
            raise OperationFailed(service, operation, "Code", "no", self.failing.pop())
        return {}

    def changes(self) -> list[Mapping[str, Any]]:
        return [arguments for operation, arguments in self.asked if operation == "UpdateService"]


class Scene:
    def __init__(self, *records: Any) -> None:
        world = world_with(service())
        target = ScalableTarget(*PLACE, 1, 8, NOON, "id", "role")
        self.store = MemoryStore(world=world.apply([Put(target), *(Put(record) for record in records)]))
        self.operations, self.clock = Operations(), Clock()
        self.scaling = Scaling(self.store, self.operations, self.clock, SystemIds())
        found = world.all(type(service()))
        self.desired = next(iter(found)).desired_count

    def activities(self) -> list[ScalingActivity]:
        return sorted(self.store.snapshot().all(ScalingActivity), key=lambda each: each.key)


def policy(kind: str = TRACKING, **configuration: Any) -> ScalingPolicy:
    return ScalingPolicy(*PLACE, "p", kind, configuration, NOON, "id")


async def test_a_busy_service_gets_more_tasks_once_and_then_cools_down() -> None:
    scene = Scene(policy(**CPU))
    assert await scene.scaling.reconcile(()) == timedelta(seconds=58), "five seconds after the next minute"
    (change,) = scene.operations.changes()
    assert change == {"cluster": "demo", "service": "web", "desiredCount": -(-scene.desired * 9 // 5)}
    (done,) = scene.activities()
    assert (done.before, done.wanted, done.status) == (scene.desired, change["desiredCount"], SUCCESSFUL)
    await scene.scaling.reconcile(())
    assert len(scene.operations.changes()) == 1
    metric = scene.operations.asked[0][1]["MetricDataQueries"][0]["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/ECS", "CPUUtilization")


async def test_an_alarm_takes_a_step() -> None:
    scene = Scene(policy(STEPS, **STEP))
    await scene.scaling.reconcile(())
    assert scene.operations.changes()[0]["desiredCount"] == scene.desired + 2
    assert scene.operations.asked[0][1]["ActionPrefix"] == policy(STEPS).arn
    assert "alarm high" in scene.activities()[0].cause


async def test_what_was_begun_before_a_crash_is_asked_for_again_and_nothing_else() -> None:
    begun = ScalingActivity(*PLACE, "a", 2, 5, "because", NOON)
    scene = Scene(policy(**CPU), begun)
    await scene.scaling.reconcile(())
    assert [change["desiredCount"] for change in scene.operations.changes()] == [5]
    assert [(done.id, done.status) for done in scene.activities()] == [("a", SUCCESSFUL)]


async def test_a_change_that_ecs_refuses_is_told_and_one_that_it_cannot_answer_is_tried_again() -> None:
    scene = Scene(policy(**CPU))
    scene.operations.failing = [400, 503]
    with pytest.raises(Exception, match="could not be scaled"):
        await scene.scaling.reconcile(())
    await scene.scaling.reconcile(())
    assert [(done.status, done.message) for done in scene.activities()] == [(FAILED, "no")]


async def test_a_service_that_is_gone_is_no_target_any_more() -> None:
    scene = Scene(policy(**CPU))
    gone = ScalableTarget(*HOME, "service/demo/gone", 1, 2, NOON, "other", "role")
    await scene.store.commit([Put(gone)], {})
    await scene.scaling.reconcile(())
    assert [target.resource_id for target in scene.store.snapshot().all(ScalableTarget)] == ["service/demo/web"]


async def test_where_nothing_is_scalable_nothing_is_asked() -> None:
    operations = Operations()
    assert await Scaling(MemoryStore(), operations, Clock(), SystemIds()).reconcile(()) is None
    assert operations.asked == []
