"""What the data points of a metric say of a CloudWatch alarm: its state, and why in CloudWatch's words.

Source: Amazon CloudWatch user guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data",
whose tables the tests repeat. Which points are read, and when, is decided where the alarm is looked at.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import ge, gt, le, lt
from typing import Final

OK: Final = "OK"
ALARM: Final = "ALARM"
INSUFFICIENT: Final = "INSUFFICIENT_DATA"

MISSING: Final = "missing"
IGNORE: Final = "ignore"
BREACHING: Final = "breaching"

COMPARISONS: Final[Mapping[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (ge, "greater than or equal to"),
    "GreaterThanThreshold": (gt, "greater than"),
    "LessThanThreshold": (lt, "less than"),
    "LessThanOrEqualToThreshold": (le, "less than or equal to"),
}
LOOKED_BACK: Final = 2
"""How many periods more than it evaluates an alarm looks at, to find points in the place of missing ones."""


@dataclass(frozen=True)
class Datapoint:
    """The statistic of the period that begins at `at`."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Rule:
    """So many of so many periods must breach the threshold. `missing` is the alarm's TreatMissingData."""

    needed: int
    periods: int
    threshold: float
    comparison: str
    period: int
    statistic: str
    missing: str = MISSING

    def breached(self, point: Datapoint) -> bool:
        """Whether the point is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][0](point.value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """A state, its reason as a sentence, and the data of the reason as JSON."""

    state: str
    reason: str
    data: str


def judge(rule: Rule, seen: Sequence[Datapoint | None], current: str, now: datetime) -> Verdict | None:
    """The state that follows from the last periods, oldest first, None for a missing point; None: it stays `current`.

    As many points as are evaluated are taken from the periods that are looked at, the latest ones; what is lacking then
    is filled as the rule treats missing points.
    """
    real = [point for point in seen if point is not None][-rule.periods :]
    lacking = rule.periods - len(real)
    bad = sum(rule.breached(point) for point in real)
    age = next((len(seen) - number for number, point in enumerate(seen) if point is not None), 0)
    state = _state(rule, len(real), bad, age)
    if state is None or state == current:
        return None
    return Verdict(state, _reason(rule, state, real, lacking), _data(rule, real, now))


def _state(rule: Rule, real: int, bad: int, age: int) -> str | None:
    """The state; None: as it was. `age` is that of the oldest point that is looked at, in periods."""
    lacking = rule.periods - real
    if rule.missing == BREACHING:
        return ALARM if bad + lacking >= rule.needed else OK
    if bad >= rule.needed:
        return ALARM
    # With fewer points than are evaluated, breaching ones alone are no proof of either state.
    doubtful = rule.missing in (MISSING, IGNORE) and lacking > 0 and bad == real
    if not doubtful:
        return OK
    if rule.missing == IGNORE:
        return None
    if not real:
        return INSUFFICIENT
    # "Avoiding premature transitions": a new point may be an outlier; the oldest must be as old as all that are needed.
    return ALARM if age >= rule.needed else OK


def _reason(rule: Rule, state: str, real: Sequence[Datapoint], lacking: int) -> str:
    if state == INSUFFICIENT:
        unknown = "datapoint was" if lacking == 1 else "datapoints were"
        return f"Insufficient Data: {lacking} {unknown} unknown."
    if not real:
        periods, points = ("period", "datapoint was") if lacking == 1 else ("periods", "datapoints were")
        treated = "Breaching" if rule.missing == BREACHING else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {lacking} {periods} and {lacking} missing {points} "
            f"treated as [{treated}]."
        )
    told = [point for point in reversed(real) if rule.breached(point) == (state == ALARM)] or list(reversed(real))
    listed = ", ".join(f"{float(point.value)} ({point.at:%d/%m/%y %H:%M:%S})" for point in told)
    verb = f"{'was' if len(told) == 1 else 'were'}{'' if state == ALARM else ' not'}"
    words = COMPARISONS[rule.comparison][1]
    least, step = (rule.needed, "OK -> ALARM") if state == ALARM else (rule.periods - rule.needed + 1, "ALARM -> OK")
    return (
        f"Threshold Crossed: {len(told)} out of the last {rule.periods} datapoints [{listed}] {verb} {words} the "
        f"threshold ({float(rule.threshold)}) (minimum {least} datapoint{'' if least == 1 else 's'} for {step} "
        "transition)."
    )


def _data(rule: Rule, real: Sequence[Datapoint], now: datetime) -> str:
    began = {"startDate": _instant(real[0].at)} if real else {}
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": _instant(now),
            **began,
            "statistic": rule.statistic,
            "period": rule.period,
            "recentDatapoints": [point.value for point in real],
            "threshold": rule.threshold,
        },
        separators=(",", ":"),
    )


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
