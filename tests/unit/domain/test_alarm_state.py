"""CloudWatch's documented tables of missing data, and the sentences in which it gives its reasons."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from moorage.domain import alarm_state
from moorage.domain.alarm_state import ALARM, INSUFFICIENT, OK, Datapoint, Rule

NOW = datetime(2026, 11, 23, 4, 40, tzinfo=UTC)
KEPT = "kept"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")

# The two tables of "Configuring how CloudWatch alarms treat missing data" (read in 2026): five periods (0 within, X
# breaching, - missing), and the state by treatment.
THREE_OF_THREE = {
    "0 - X - X": (OK, OK, OK, OK),
    "- - - - 0": (OK, OK, OK, OK),
    "- - - - -": (INSUFFICIENT, KEPT, ALARM, OK),
    "0 X X - X": (ALARM, ALARM, ALARM, ALARM),
    "- - X - -": (ALARM, KEPT, ALARM, OK),
    # Below its table the guide speaks of these: they "do not go immediately into ALARM".
    "- - - - X": (OK, KEPT, ALARM, OK),
    "- - - X -": (OK, KEPT, ALARM, OK),
    "- - X - 0": (OK, OK, OK, OK),
}
TWO_OF_THREE = {
    "0 - X - X": (ALARM, ALARM, ALARM, ALARM),
    "0 0 X 0 X": (ALARM, ALARM, ALARM, ALARM),
    "0 - X - -": (OK, OK, ALARM, OK),
    "- - - - 0": (OK, OK, ALARM, OK),
    "- - - X -": (ALARM, KEPT, ALARM, OK),
    "- - - - X": (OK, KEPT, ALARM, OK),
}
ROWS = [
    (needed, points, treatment, state)
    for needed, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for points, states in table.items()
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


def rule(needed: int = 3, periods: int = 3, missing: str = "missing", comparison: str = "GreaterThanThreshold") -> Rule:
    return Rule(needed, periods, 1.0, comparison, 60, "Sum", missing)


def points(text: str) -> list[Datapoint | None]:
    marks = text.split()
    starts = [NOW - timedelta(minutes=len(marks) - at) for at in range(len(marks))]
    return [
        None if mark == "-" else Datapoint(at, 5.0 if mark == "X" else 0.0)
        for mark, at in zip(marks, starts, strict=True)
    ]


@pytest.mark.parametrize(("needed", "text", "treatment", "state"), ROWS)
def test_missing_data_is_treated_as_the_tables_say(needed: int, text: str, treatment: str, state: str) -> None:
    for current in (OK, ALARM, INSUFFICIENT):
        verdict = alarm_state.judge(rule(needed, missing=treatment), points(text), current, NOW)
        after = current if verdict is None else verdict.state
        assert after == (current if state == KEPT else state)


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", {2.0}),
        ("GreaterThanOrEqualToThreshold", {1.0, 2.0}),
        ("LessThanThreshold", {0.0}),
        ("LessThanOrEqualToThreshold", {0.0, 1.0}),
    ],
)
def test_each_comparison_is_the_one_of_its_name(comparison: str, breaching: set[float]) -> None:
    assert {
        value for value in (0.0, 1.0, 2.0) if rule(comparison=comparison).breached(Datapoint(NOW, value))
    } == breaching


@pytest.mark.parametrize(
    ("alarm", "text", "current", "reason"),
    [
        (
            rule(1, 1),
            "0 X",
            OK,
            "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (23/11/26 04:39:00)] was greater than the "
            "threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            rule(2, 3, comparison="GreaterThanOrEqualToThreshold"),
            "X 0 X",
            OK,
            "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (23/11/26 04:39:00), 5.0 (23/11/26 04:37:00)] were "
            "greater than or equal to the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            rule(1, 1),
            "X 0",
            ALARM,
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (23/11/26 04:39:00)] was not greater than the "
            "threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (rule(1, 1), "- - -", OK, "Insufficient Data: 1 datapoint was unknown."),
        (rule(2, 2), "- - -", OK, "Insufficient Data: 2 datapoints were unknown."),
        (
            rule(1, 1, "breaching"),
            "- - -",
            OK,
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching].",
        ),
    ],
)
def test_a_change_is_explained_as_cloudwatch_does(alarm: Rule, text: str, current: str, reason: str) -> None:
    verdict = alarm_state.judge(alarm, points(text), current, NOW)
    assert verdict is not None
    assert verdict.reason == reason
    data = json.loads(verdict.data)
    assert (data["version"], data["queryDate"], data["period"]) == ("1.0", "2026-11-23T04:40:00.000+0000", 60)
