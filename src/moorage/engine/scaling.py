"""Scales services: once a minute it reads what the policies of each scalable target ask for, and sets desired counts.

A change is written down before it is asked for, and asked for again after a crash. Which change: `planning/scaling`.
Where nothing is scalable nothing is looked at.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from moorage.domain.changes import Delete, Key, Put, Write
from moorage.domain.scaling import (
    ACTIVITIES_KEPT,
    FAILED,
    IN_PROGRESS,
    STEPS,
    SUCCESSFUL,
    ScalableTarget,
    ScalingActivity,
    ScalingPolicy,
)
from moorage.domain.service import IN_PROGRESS as ROLLING
from moorage.domain.service import Rollout, Service, deployment_key
from moorage.engine.loop import Wake
from moorage.engine.ports import Clock, Ids, OperationFailed, Operations, Store, Unavailable
from moorage.planning import scaling
from moorage.planning.scaling import MINUTES_IN, Alarm, Measured, Situation

AFTER: Final = timedelta(seconds=5)
"""So long after each minute, when the metrics of the minute are there."""
MINUTE: Final = timedelta(minutes=1)
_PREDEFINED: Final = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}


class Scaling:
    """A controller of one key."""

    def __init__(self, store: Store, operations: Operations | None, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._operations = operations
        self._clock = clock
        self._ids = ids

    async def reconcile(self, _key: Key) -> Wake:
        targets = sorted(self._store.snapshot().all(ScalableTarget), key=lambda target: target.key)
        if not targets or self._operations is None:
            return None
        for target in targets:
            await self._scale(self._operations, target)
        now = self._clock.now()
        return now.replace(second=0, microsecond=0) + MINUTE + AFTER - now

    async def _scale(self, operations: Operations, target: ScalableTarget) -> None:
        world = self._store.snapshot()
        service = world.get(Service, target.service_key)
        if service is None or service.deleted_at is not None:
            await self._forget(target)
            return
        done = world.linked(ScalingActivity, "target", target.key)
        if done and done[-1].status == IN_PROGRESS:
            await self._perform(operations, done[-1])
            return
        rollout = world.get(Rollout, deployment_key(service.key, service.deployment_id))
        deploying = rollout is not None and rollout.state == ROLLING
        now = self._clock.now()
        measured = [
            await self._measured(operations, policy, now)
            for policy in world.linked(ScalingPolicy, "target", target.key)
        ]
        wish = scaling.decide(Situation(target, service.desired_count, deploying, done, now), measured)
        if wish is not None:
            place = (target.account, target.region, target.resource_id)
            begun = ScalingActivity(*place, self._ids.uuid(), service.desired_count, wish.count, wish.cause, now)
            gone = [Delete(ScalingActivity.table, old.key) for old in done[: -ACTIVITIES_KEPT + 1]]
            versions = {(Service.table, service.key): world.version(Service, service.key)}
            await self._store.commit([Put(begun), *gone], versions)
            await self._perform(operations, begun)

    async def _perform(self, operations: Operations, activity: ScalingActivity) -> None:
        _, cluster, name = activity.resource_id.split("/")
        asked = {"cluster": cluster, "service": name, "desiredCount": activity.wanted}
        try:
            await operations.call(activity.account, activity.region, "ecs", "UpdateService", asked)
        except OperationFailed as failed:
            if failed.status >= 500:
                raise Unavailable(f"{activity.resource_id} could not be scaled: {failed.message}") from failed
            ended = replace(activity, status=FAILED, message=failed.message, ended_at=self._clock.now())
        else:
            ended = replace(activity, status=SUCCESSFUL, ended_at=self._clock.now())
        await self._store.commit([Put(ended)], {})

    async def _forget(self, target: ScalableTarget) -> None:
        """A service that is gone is no target any more, as at AWS."""
        world = self._store.snapshot()
        writes: list[Write] = [Delete(ScalableTarget.table, target.key)]
        writes += [Delete(ScalingPolicy.table, each.key) for each in world.linked(ScalingPolicy, "target", target.key)]
        done = world.linked(ScalingActivity, "target", target.key)
        writes += [Delete(ScalingActivity.table, each.key) for each in done]
        await self._store.commit(writes, {})

    async def _measured(self, operations: Operations, policy: ScalingPolicy, now: datetime) -> Measured:
        ask = _Ask(operations, policy.account, policy.region)
        if policy.type == STEPS:
            return Measured(policy, alarms=await ask.alarms(policy.arn))
        return Measured(policy, values=await ask.values(_queries(policy), now.replace(second=0, microsecond=0)))


class _Ask:
    """CloudWatch, asked in the name of a policy's account. Unavailable."""

    def __init__(self, operations: Operations, account: str, region: str) -> None:
        self._operations = operations
        self._place = (account, region)

    async def _call(self, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return await self._operations.call(*self._place, "cloudwatch", operation, given)
        except OperationFailed as failed:
            raise Unavailable(f"CloudWatch does not answer {operation}: {failed.message}") from failed

    async def values(self, queries: list[dict[str, Any]], end: datetime) -> list[float | None]:
        """The values of the last whole minutes, the latest last."""
        times = [end - MINUTE * back for back in range(MINUTES_IN, 0, -1)]
        asked = {"StartTime": times[0], "EndTime": end, "MetricDataQueries": queries}
        results = (await self._call("GetMetricData", asked))["MetricDataResults"]
        found = dict(zip(results[0]["Timestamps"], results[0]["Values"], strict=True)) if results else {}
        by_second = {int(at.timestamp()): float(value) for at, value in found.items()}
        return [by_second.get(int(at.timestamp())) for at in times]

    async def alarms(self, policy_arn: str) -> list[Alarm]:
        """The alarms that are in ALARM and name the policy among their actions, with what their metrics said."""
        asked = {"ActionPrefix": policy_arn, "StateValue": "ALARM"}
        found = (await self._call("DescribeAlarms", asked))["MetricAlarms"]
        return [
            Alarm(alarm["AlarmName"], value, float(alarm["Threshold"]))
            for alarm in found
            if alarm.get("ActionsEnabled", True) and (value := _recent(alarm)) is not None
        ]


def _recent(alarm: Mapping[str, Any]) -> float | None:
    """The last value that the alarm was judged by; the threshold itself where it was set off by hand."""
    found = _last_point(alarm.get("StateReasonData") or "")
    return found if found is not None else float(alarm["Threshold"])


def _last_point(text: str) -> float | None:
    """The latest data point in the data of an alarm's reason."""
    try:
        points = json.loads(text).get("recentDatapoints", []) if text else []
    except ValueError:
        return None
    return float(points[-1]) if points else None


def _queries(policy: ScalingPolicy) -> list[dict[str, Any]]:
    """The metric that the policy tracks, as GetMetricData asks for it."""
    predefined = policy.configuration.get("PredefinedMetricSpecification")
    if predefined is not None:
        _, cluster, service = policy.resource_id.split("/")
        named = (("ClusterName", cluster), ("ServiceName", service))
        metric = {
            "Namespace": "AWS/ECS",
            "MetricName": _PREDEFINED[predefined["PredefinedMetricType"]],
            "Dimensions": [{"Name": name, "Value": value} for name, value in named],
        }
        return [{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}]
    own = policy.configuration["CustomizedMetricSpecification"]
    if "Metrics" in own:
        return [_timed(query) for query in own["Metrics"]]
    metric = {name: own[name] for name in ("Namespace", "MetricName", "Dimensions") if own.get(name)}
    stat = {"Metric": metric, "Period": 60, "Stat": own["Statistic"]}
    return [{"Id": "m", "MetricStat": stat | ({"Unit": own["Unit"]} if own.get("Unit") else {})}]


def _timed(query: Mapping[str, Any]) -> dict[str, Any]:
    return {**query, "MetricStat": {**query["MetricStat"], "Period": 60}} if "MetricStat" in query else dict(query)
