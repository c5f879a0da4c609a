"""Expressions over metrics: what they make of series with gaps, and which are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import metric_math
from moorage.domain.metric_math import MANY, NUMBER, SERIES, NotAnExpression, Scene

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(minutes=number) for number in range(4)]
KINDS = {"m1": SERIES, "m2": SERIES, "e1": SERIES}


def series(*values: float | None) -> dict[datetime, float]:
    return {at: value for at, value in zip(TIMES, values, strict=True) if value is not None}


SCENE = Scene(
    {"m1": series(1, 2, None, 4), "m2": series(10, 0, 30, 40), "e1": series(-1, -1, -1, -1.5)}, ["m1", "m2"], TIMES, 60
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("m1 + m2 * 2", series(21, 2, None, 84)),
        ("(m1 + m2) * 2", series(22, 4, None, 88)),
        ("100 * m1 / m2", series(10, None, None, 10)),
        ("-m1 ^ 2", series(-1, -4, None, -16)),
        ("m1 > 1 && m2 >= 0", series(0, 1, None, 1)),
        ("m1 == 1 OR m2 == 30", series(1, 0, None, 0)),
        ("FILL(m1, 0) + m2", series(11, 2, 30, 44)),
        ("FILL(m1, REPEAT)", series(1, 2, 2, 4)),
        ("FILL(m1, m2)", series(1, 2, 30, 4)),
        ("IF(m2 > 5, m2, 0)", series(10, 0, 30, 40)),
        ("IF(m2 > 5, m1)", series(1, None, None, 4)),
        ("SUM([m1, m2])", series(11, 2, 30, 44)),
        ("SUM(METRICS())", series(11, 2, 30, 44)),
        ('MAX(METRICS("m1"))', series(1, 2, None, 4)),
        ("AVG([m1, m2])", series(5.5, 1, 30, 22)),
        ("MIN([m1, m2]) * 2", series(2, 0, 60, 8)),
        ("m2 - AVG(m2)", series(-10, -20, 10, 20)),
        ("m1 * SUM(m1)", series(7, 14, None, 28)),
        ("ABS(e1) + CEIL(e1) + FLOOR(e1)", series(-1, -1, -1, -1.5)),
        ("DIFF(m2)", series(None, -10, 30, 10)),
        ("RATE(m2) * PERIOD(m2)", series(None, -10, 30, 10)),
        ("LOG10(m2)", {TIMES[0]: 1.0, TIMES[2]: pytest.approx(1.4771212547), TIMES[3]: pytest.approx(1.6020599913)}),
        ("SUM(METRICS() / 2)", series(5.5, 1, 15, 22)),
    ],
)
def test_an_expression_is_worked_out_at_each_time(text: str, wanted: object) -> None:
    found = metric_math.parse(text, KINDS)
    assert found.kind == SERIES
    assert found.run(SCENE) == wanted


@pytest.mark.parametrize(
    ("text", "kind"), [("METRICS()", MANY), ("[m1, m2] + 1", MANY), ("SUM(m1)", NUMBER), ("3", NUMBER)]
)
def test_the_kind_of_a_value_is_known_before_there_are_data(text: str, kind: str) -> None:
    assert metric_math.parse(text, KINDS).kind == kind


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND, which is not supported"),
        ("SEARCH('{AWS/ECS,ServiceName}', 'Sum')", "SEARCH, which is not supported"),
        ("m9 + 1", "'m9'"),
        ("m1 +", "too early"),
        ("m1 m2", "'m2'"),
        ("m1 % 2", "'%'"),
        ("(m1", "lacks a ')'"),
        ("[m1, 3]", "number in a list"),
        ("[m1] + [m2]", "joins two lists"),
        ("SUM(1)", "SUM of a number"),
        ("ABS(1)", "ABS of a number"),
        ("IF(m1)", "IF with 1"),
        ("IF([m1], 1, 2)", "IF of several"),
        ("FILL(1, 2)", "FILL of what is no series"),
        ("FILL(m1, LINEAR)", "'LINEAR'"),
        ("(" * 60 + "m1" + ")" * 60, "nested"),
        ("", "too early"),
    ],
)
def test_what_cannot_be_worked_out_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(NotAnExpression) as refused:
        metric_math.parse(text, KINDS)
    assert why in str(refused.value)


PIECES = st.sampled_from(
    [*"+-*/^<>(),[]", "m1", "m2", "2", ">=", "&&", "IF(", "FILL(", "SUM(", "METRICS()", "RATE(", "REPEAT"]
)


@given(st.lists(PIECES, max_size=14).map(" ".join))
def test_any_pieces_are_worked_out_or_refused(text: str) -> None:
    try:
        found = metric_math.parse(text, KINDS)
    except NotAnExpression as why:
        assert str(why)
        return
    found.run(SCENE)
