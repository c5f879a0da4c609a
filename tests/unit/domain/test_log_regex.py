"""Regular expressions of filter patterns: what they match, what is none, and that no text takes them long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import log_regex
from moorage.domain.log_regex import NoRegex

ATOMS = st.sampled_from(["a", "b", "c", ".", r"\d", r"\W", r"\x61", "[ab]", "[^a]", "[a-c_]", r"[\w-]", r"\.", "="])
COUNTS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{0,2}", "{1,}", "{2,3}"])
SEQUENCES = st.lists(st.tuples(ATOMS, COUNTS), min_size=1, max_size=6).map(
    lambda parts: "".join(atom + count for atom, count in parts)
)
ANCHORED = st.tuples(st.sampled_from(["", "^"]), SEQUENCES, st.sampled_from(["", "$"])).map("".join)
EXPRESSIONS = st.lists(ANCHORED, min_size=1, max_size=3).map("|".join)


@given(EXPRESSIONS, st.text(alphabet="abc_1.=-\n x", max_size=12))
def test_it_finds_what_the_same_expression_finds_elsewhere(expression: str, text: str) -> None:
    elsewhere = re.compile(expression.replace("$", r"\Z"), re.ASCII)
    assert log_regex.parse(expression).search(text) is (elsewhere.search(text) is not None)


@given(st.text(alphabet="ab0^$?[]{}|\\*+.-,=dx", max_size=14))
def test_any_text_is_an_expression_or_is_refused_with_a_reason(text: str) -> None:
    try:
        found = log_regex.parse(text)
    except NoRegex as why:
        assert str(why)
    else:
        assert found.search("ab0") in (True, False)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("something!", "'!'"),
        ("(a|b)", "'('"),
        ("a b", "' '"),
        ("é", "'é'"),
        ("*a", "'*'"),
        ("a**", "'*'"),
        ("a$b", "'$'"),
        ("a||b", "empty"),
        ("", "empty"),
        ("[]", "bracket"),
        ("[a", "bracket"),
        ("[z-a]", "ends before"),
        (r"[\d-z]", "either end"),
        ("a{2", "count"),
        ("a{3,2}", "count"),
        ("a{9999}", "more than 2000"),
        ("a" * 2000 + "{2}", "more than 2000"),
        (r"\b", r"'\b'"),
        ("a\\", "backslash"),
    ],
)
def test_what_is_no_such_expression_is_refused_by_name(expression: str, why: str) -> None:
    with pytest.raises(NoRegex) as refused:
        log_regex.parse(expression)
    assert why in str(refused.value)


def test_an_expression_on_which_others_never_end_takes_as_many_steps_as_there_are_letters() -> None:
    # Eight repeats of one letter, then another: trying all ways to share a thousand letters among them takes ages.
    expression = log_regex.parse("a*a*a*a*a*a*a*a*b$")
    assert expression.search("a" * 20_000) is False
    assert expression.search("a" * 20_000 + "b") is True
