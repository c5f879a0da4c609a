"""Rules of composite alarms: when they hold, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import alarm_rule
from moorage.domain.alarm_rule import NoRule

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", 'x "y"': "ALARM"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ("ALARM(b)", False),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ('ALARM("a") AND NOT ALARM("b")', True),
        ("NOT ALARM(a) OR OK(b)", True),
        ("NOT (ALARM(a) OR OK(b))", False),
        ("TRUE OR TRUE AND FALSE", True),
        ("(TRUE OR TRUE) AND FALSE", False),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", True),
        (r'ALARM("x \"y\"")', True),
        ("ALARM(gone)", False),
        ("NOT NOT TRUE", True),
    ],
)
def test_a_rule_holds_by_the_states_of_its_alarms(rule: str, holds: bool) -> None:
    assert alarm_rule.parse(rule).holds(STATES) is holds


def test_the_alarms_of_a_rule_are_told_once_by_name() -> None:
    rule = alarm_rule.parse('ALARM(a) OR OK(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a) OR OK("b")')
    assert rule.children == ("a", "b")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "too early"),
        ("ALARM(a) ALARM(b)", "not expected"),
        ("ALARM(a", "no part of a rule"),
        ("(ALARM(a)", "not closed"),
        ("AND ALARM(a)", "'AND'"),
        ("AT_LEAST(2, ALARM, (a, b))", "AT_LEAST"),
        ("NOT " * 60 + "TRUE", "nested"),
        (" OR ".join(f"ALARM(a{number})" for number in range(101)), "more than 100"),
        ("TRUE" + " OR TRUE" * 500, "more than 500"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, why: str) -> None:
    with pytest.raises(NoRule) as refused:
        alarm_rule.parse(rule)
    assert why in str(refused.value)


@given(
    st.lists(st.sampled_from(["ALARM(a)", "OK(b)", "NOT", "AND", "OR", "(", ")", "TRUE"]), max_size=10).map(" ".join)
)
def test_any_pieces_are_a_rule_or_are_refused(text: str) -> None:
    try:
        rule = alarm_rule.parse(text)
    except NoRule as why:
        assert str(why)
    else:
        words = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "ALARM(a)": "True", "OK(b)": "True"}
        assert rule.holds(STATES) is eval(" ".join(words.get(word, word) for word in text.split()))
