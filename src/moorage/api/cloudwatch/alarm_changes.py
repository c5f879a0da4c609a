"""PutMetricAlarm, PutCompositeAlarm, SetAlarmState and DeleteAlarms: what cannot be evaluated is refused by name.

The alarms are kept by the support process; here is what it does not ask: whether an alarm can ever change its state,
and that a changed alarm keeps the one that it has.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moorage.api.cloudwatch import alarm_history, expressions, reading
from moorage.api.context import RequestContext
from moorage.domain import alarm_rule, metrics
from moorage.domain.alarm_rule import AlarmRule, NoRule
from moorage.domain.alarm_state import COMPARISONS, INSUFFICIENT
from moorage.domain.metric_math import MANY
from moorage.domain.metrics import MINUTE, NAMESPACE
from moorage.wire.faults import Rejected, reject

INVALID: Final = "ValidationError"
BOTH_KINDS: Final = ["MetricAlarm", "CompositeAlarm"]
STANDARD: Final = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})
_PART_OF_STATE: Final = ("StateValue", "StateReason", "StateReasonData")
_NEW: Final = {"StateValue": INSUFFICIENT, "StateReason": "Unchecked: Initial alarm creation"}

Alarm = dict[str, Any]
Given = Mapping[str, Any]


async def put_metric_alarm(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    _check_metric_alarm(given)
    return await _put(ctx, given)


async def put_composite_alarm(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    rule = rule_of(given["AlarmRule"])
    known = {alarm["AlarmName"] for alarm in await described(ctx, list(rule.children))} if rule.children else set()
    missing = [child for child in rule.children if child not in known]
    if missing:
        raise _invalid(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    return await _put(ctx, given)


async def set_alarm_state(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = await described(ctx, [given["AlarmName"]])
    answer = await reading.elsewhere(ctx, ctx.operation, given)
    for alarm in found:
        await alarm_history.note_state(ctx, alarm, given)
    return answer


async def delete_alarms(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    everything = await described(ctx)
    gone = set(given["AlarmNames"])
    for alarm in everything:
        depends = gone & set(rule_of(alarm["AlarmRule"]).children) if "AlarmRule" in alarm else set()
        if depends and alarm["AlarmName"] not in gone:
            raise _invalid(f"Cannot delete {min(depends)} as there are composite alarm(s) depending on it.")
    answer = await reading.elsewhere(ctx, ctx.operation, given)
    for alarm in everything:
        if alarm["AlarmName"] in gone:
            await alarm_history.note_configuration(ctx, alarm, None)
    return answer


async def described(ctx: RequestContext, names: Sequence[str] | None = None) -> list[Alarm]:
    """The alarms of these names, or all, as they are kept."""
    asked: dict[str, Any] = {} if names is None else {"AlarmNames": list(names)}
    answer = await reading.elsewhere(ctx, "DescribeAlarms", {**asked, "AlarmTypes": BOTH_KINDS})
    return [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]


def rule_of(text: str) -> AlarmRule:
    """The rule of a composite alarm. Rejected if it is none."""
    try:
        return alarm_rule.parse(text)
    except NoRule as why:
        raise _invalid(f"AlarmRule is not valid: {why}.") from why


async def _put(ctx: RequestContext, given: Given) -> dict[str, Any]:
    name = [given["AlarmName"]]
    before = next(iter(await described(ctx, name)), None)
    answer = await reading.elsewhere(ctx, ctx.operation, given)
    # A new alarm begins without data, one that was there keeps its state.
    state = _NEW if before is None else {part: before[part] for part in _PART_OF_STATE if before.get(part)}
    await reading.elsewhere(ctx, "SetAlarmState", {"AlarmName": name[0], "StateReason": "", **state})
    for after in await described(ctx, name):
        await alarm_history.note_configuration(ctx, before, after)
    if any(given.get(kind) for kind in ("OKActions", "AlarmActions", "InsufficientDataActions")):
        ctx.hint("Actions of alarms are kept and shown; nothing is told or done.")
    return answer


def _check_metric_alarm(given: Given) -> None:
    for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold"):
        if name not in given:
            raise _invalid(f"The parameter {name} is required; alarms without it are not evaluated by Moorage.")
    if given["ComparisonOperator"] not in COMPARISONS:
        raise _invalid(
            f"ComparisonOperator {given['ComparisonOperator']} is not supported by Moorage: there is no anomaly "
            "detection. Compare with a Threshold."
        )
    if ("Metrics" in given) == ("MetricName" in given):
        raise _invalid("Exactly one of Metrics and MetricName must be given.")
    if "Metrics" in given:
        _check_queries(given["Metrics"])
    else:
        _check_metric(given)


def _check_metric(given: Given) -> None:
    for name in ("Namespace", "Period"):
        if name not in given:
            raise _invalid(f"The parameter {name} is required for an alarm on one metric.")
    statistics = [given[name] for name in ("Statistic", "ExtendedStatistic") if name in given]
    if len(statistics) != 1:
        raise _invalid("Exactly one of Statistic and ExtendedStatistic must be given.")
    _check_readable(given["Namespace"], statistics[0], given["Period"])


def _check_queries(queries: Sequence[Given]) -> None:
    found = expressions.read(queries)
    expressions.period(queries)
    returned = [query["Id"] for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise _invalid("Exactly one element of the metrics list should return data.")
    if returned[0] in found and found[returned[0]].kind == MANY:
        raise _invalid(f"The expression {returned[0]} returns several series; an alarm is on one.")
    for query in queries:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            _check_readable(stat["Metric"].get("Namespace", ""), stat["Stat"], stat["Period"])
        elif "Expression" not in query:
            raise _invalid(f"The query {query['Id']} must have either an Expression or a MetricStat.")


def _check_readable(namespace: str, statistic: str, period: int) -> None:
    """Rejected unless such points are to be had: otherwise the alarm would never change its state."""
    own = namespace == NAMESPACE
    if own and period % MINUTE:
        raise _invalid(f"Period {period} is not supported by Moorage: metrics of {NAMESPACE} have a point a minute.")
    if statistic not in STANDARD and not (own and metrics.is_statistic(statistic)):
        raise _invalid(
            f"The statistic {statistic} of {namespace} is not supported by Moorage: percentiles are read of "
            f"{NAMESPACE} only, and trimmed statistics of nothing."
        )


def _invalid(sentence: str) -> Rejected:
    return reject(INVALID, sentence)
