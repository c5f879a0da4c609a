"""DescribeAlarms and its kin: alarms are evaluated when looked at, those on metrics once a minute.

The alarms themselves, and the states that they are set to, are kept by the support process (`alarm_changes`). What is
evaluated when: decision 193. How points make a state: `domain/alarm_state`; how states make one: `domain/alarm_rule`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moorage.api.cloudwatch import alarm_changes, alarm_history, composites, expressions, reading
from moorage.api.context import RequestContext
from moorage.api.paging import page
from moorage.domain import alarm_state
from moorage.domain.alarm_state import COMPARISONS, LOOKED_BACK, MISSING, Datapoint, Rule
from moorage.domain.metrics import MINUTE, NAMESPACE
from moorage.wire.faults import Rejected

METRIC: Final = "MetricAlarm"
COMPOSITE: Final = "CompositeAlarm"
PAGE: Final = 50
_UNCHECKED: Final = "Unchecked: "
_FILTERS: Final[Sequence[str]] = ("AlarmNames", "AlarmNamePrefix", "ActionPrefix")

Alarm = dict[str, Any]
Data = Callable[[RequestContext, dict[str, Any]], Awaitable[dict[str, Any]]]
"""GetMetricData, of every namespace."""


class Alarms:
    """The two operations. When an alarm was evaluated last is known to this process alone."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._evaluated: dict[str, tuple[int, object]] = {}

    async def describe_alarms(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = {name: given[name] for name in _FILTERS if name in given}
        answer = await self._current(ctx, "DescribeAlarms", asked)
        wanted = given.get("AlarmTypes") or [METRIC]
        found = [
            alarm
            for kind in (METRIC, COMPOSITE)
            if kind in wanted
            for alarm in answer.get(f"{kind}s", ())
            if given.get("StateValue", alarm["StateValue"]) == alarm["StateValue"]
        ]
        found.sort(key=lambda alarm: str(alarm["AlarmName"]))
        some = page(found, lambda alarm: str(alarm["AlarmName"]), given.get("MaxRecords", PAGE), given.get("NextToken"))
        metric = [alarm for alarm in some.records if "AlarmRule" not in alarm]
        composite = [alarm for alarm in some.records if "AlarmRule" in alarm]
        return {"MetricAlarms": metric, "CompositeAlarms": composite, **some.named()}

    async def describe_alarms_for_metric(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        return await self._current(ctx, "DescribeAlarmsForMetric", given)

    async def describe_alarm_history(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        """The history, with what a look at the alarms adds to it."""
        named = {"AlarmNames": [given["AlarmName"]]} if "AlarmName" in given else {}
        await self._current(ctx, "DescribeAlarms", {**named, "AlarmTypes": alarm_changes.BOTH_KINDS})
        return await alarm_history.describe_alarm_history(ctx, given)

    async def _current(self, ctx: RequestContext, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the support process tells, after the alarms among it whose turn it was were evaluated."""
        answer = await reading.elsewhere(ctx, operation, given)
        if answer.get("CompositeAlarms"):
            changed = await self._all(ctx)
        else:
            changed = await self._metrics(ctx, answer.get("MetricAlarms", ()))
        return await reading.elsewhere(ctx, operation, given) if changed else answer

    async def _metrics(self, ctx: RequestContext, alarms: Sequence[Alarm]) -> bool:
        """Evaluate those whose turn it is; whether one changed."""
        return any([await self._evaluate(ctx, alarm) for alarm in alarms if self._due(ctx, alarm)])

    async def _all(self, ctx: RequestContext) -> bool:
        """Evaluate all alarms: a composite alarm follows from any others."""
        everything = await alarm_changes.described(ctx)
        changed = await self._metrics(ctx, [alarm for alarm in everything if "AlarmRule" not in alarm])
        found = {alarm["AlarmName"]: alarm for alarm in (await alarm_changes.described(ctx) if changed else everything)}
        minute = _minute(ctx.now())
        held = frozenset(name for name, alarm in found.items() if "AlarmRule" in alarm and _is_held(alarm, minute))
        for verdict in composites.verdicts(found, held, ctx.now()):
            await _set(ctx, found[verdict.name], verdict.state)
            changed = True
        return changed

    def _due(self, ctx: RequestContext, alarm: Alarm) -> bool:
        """Once in a minute; a state that was set by hand holds until the next one."""
        minute = _minute(ctx.now())
        last = self._evaluated.get(alarm["AlarmArn"])
        stamp = (minute, alarm.get("AlarmConfigurationUpdatedTimestamp"))
        if last == stamp or not _evaluable(alarm):
            return False
        if _is_held(alarm, minute):
            return False
        self._evaluated[alarm["AlarmArn"]] = stamp
        return True

    async def _evaluate(self, ctx: RequestContext, alarm: Alarm) -> bool:
        now = ctx.now()
        try:
            rule = _rule(alarm)
            seen = await self._seen(ctx, alarm, rule, now)
        except Rejected:
            return False  # A statistic or period that is not served: the alarm keeps the state that it was given.
        verdict = alarm_state.judge(rule, seen, alarm["StateValue"], now)
        if verdict is None:
            return False
        state = {"StateValue": verdict.state, "StateReason": verdict.reason, "StateReasonData": verdict.data}
        await _set(ctx, alarm, state)
        return True

    async def _seen(self, ctx: RequestContext, alarm: Alarm, rule: Rule, now: datetime) -> list[Datapoint | None]:
        """The points of the whole periods before now that the alarm looks at, the oldest first."""
        end = datetime.fromtimestamp(int(now.timestamp()) // rule.period * rule.period, UTC)
        count = rule.periods + LOOKED_BACK
        starts = [end - timedelta(seconds=rule.period * back) for back in range(count, 0, -1)]
        queries = alarm.get("Metrics") or [_query(alarm, rule)]
        answer = await self._data(ctx, {"StartTime": starts[0], "EndTime": end, "MetricDataQueries": queries})
        (result,) = answer["MetricDataResults"]
        found = dict(zip(map(_utc, result["Timestamps"]), map(float, result["Values"]), strict=True))
        values: Sequence[float | None] = [found.get(start) for start in starts]
        return [None if value is None else Datapoint(at, value) for at, value in zip(starts, values, strict=True)]


async def _set(ctx: RequestContext, alarm: Alarm, state: dict[str, str]) -> None:
    await reading.elsewhere(ctx, "SetAlarmState", {"AlarmName": alarm["AlarmName"], **state})
    await alarm_history.note_state(ctx, alarm, state)


def _query(alarm: Alarm, rule: Rule) -> dict[str, Any]:
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if alarm.get(name)}
    stat = {"Metric": metric, "Period": rule.period, "Stat": rule.statistic}
    return {"Id": "seen", "MetricStat": stat | ({"Unit": alarm["Unit"]} if alarm.get("Unit") else {})}


def _is_held(alarm: Alarm, minute: int) -> bool:
    """Whether the alarm is in a state that was set this minute, other than by its rule."""
    if alarm.get("StateReason", _UNCHECKED).startswith(_UNCHECKED) or composites.is_own(alarm):
        return False
    return _minute(alarm["StateUpdatedTimestamp"]) >= minute


def _evaluable(alarm: Alarm) -> bool:
    """Whether its points are to be had: percentiles are of the metrics that are kept here."""
    if alarm.get("Metrics"):
        return alarm.get("ComparisonOperator") in COMPARISONS
    served = "ExtendedStatistic" not in alarm or alarm["Namespace"] == NAMESPACE
    return served and alarm.get("ComparisonOperator") in COMPARISONS and bool(alarm.get("MetricName"))


def _rule(alarm: Alarm) -> Rule:
    periods = int(alarm["EvaluationPeriods"])
    return Rule(
        needed=int(alarm.get("DatapointsToAlarm") or periods),
        periods=periods,
        threshold=float(alarm["Threshold"]),
        comparison=alarm["ComparisonOperator"],
        period=expressions.period(alarm["Metrics"]) if alarm.get("Metrics") else int(alarm["Period"]),
        statistic=alarm.get("ExtendedStatistic") or alarm.get("Statistic", ""),
        missing=alarm.get("TreatMissingData") or MISSING,
    )


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // MINUTE


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
