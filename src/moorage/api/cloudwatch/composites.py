"""Composite alarms: the states that follow from their rules, children before parents. Pure.

Alarms of a cycle see each other's states as they were.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from moorage.domain import alarm_rule
from moorage.domain.alarm_rule import AlarmRule, NoRule
from moorage.domain.alarm_state import ALARM, OK

Alarm = Mapping[str, Any]
_TRIGGERING = "triggeringAlarms"


class Verdict(NamedTuple):
    """An alarm that changes, and the members of SetAlarmState that say to what."""

    name: str
    state: dict[str, str]


def verdicts(alarms: Mapping[str, Alarm], held: frozenset[str], now: datetime) -> list[Verdict]:
    """The composite alarms that change, each after those that it depends on; `held` are let alone."""
    states = {name: str(alarm["StateValue"]) for name, alarm in alarms.items()}
    found: list[Verdict] = []
    for name, rule in _in_order(alarms):
        state = ALARM if rule.holds(states) else OK
        if name in held or state == states[name]:
            continue
        cause = [child for child in rule.children if child in alarms]
        found.append(Verdict(name, _state(alarms, states, cause, state, now)))
        states[name] = state
    return found


def is_own(alarm: Alarm) -> bool:
    """Whether the alarm's state followed from its rule, and was not set by hand."""
    return _TRIGGERING in (alarm.get("StateReasonData") or "")


def _in_order(alarms: Mapping[str, Alarm]) -> list[tuple[str, AlarmRule]]:
    rules = {name: rule for name, alarm in alarms.items() if (rule := _rule(alarm)) is not None}
    ordered: dict[str, AlarmRule] = {}
    left = sorted(rules)
    while left:
        ready = [name for name in left if not (set(rules[name].children) - {name}) & set(left)]
        # None is ready: what is left is a cycle, or stands above one.
        for name in ready or left:
            ordered[name] = rules[name]
        left = [name for name in left if name not in ordered]
    return list(ordered.items())


def _rule(alarm: Alarm) -> AlarmRule | None:
    try:
        return alarm_rule.parse(alarm["AlarmRule"]) if "AlarmRule" in alarm else None
    except NoRule:
        return None  # From before rules were read: it keeps the state that it was given.


def _state(
    alarms: Mapping[str, Alarm], states: Mapping[str, str], cause: list[str], state: str, now: datetime
) -> dict[str, str]:
    told = f"{now:%A %d %B, %Y %H:%M:%S} UTC"
    first = f"{alarms[cause[0]]['AlarmArn']} is in {states[cause[0]]} since {told}" if cause else "its rule is constant"
    children = [
        {"arn": alarms[child]["AlarmArn"], "state": {"value": states[child], "timestamp": now.isoformat()}}
        for child in cause
    ]
    reason = f"The rule {'holds' if state == ALARM else 'does not hold'}: {first}"
    return {"StateValue": state, "StateReason": reason, "StateReasonData": json.dumps({_TRIGGERING: children})}
