"""Filter patterns: which messages they match, and which patterns are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import log_pattern
from moorage.domain.errors import InvalidParameter


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR] x", True),
        ("ERROR", "error", False),
        ("ERROR disk", "ERROR on disk", True),
        ("ERROR disk", "ERROR on net", False),
        ('"on disk"', "ERROR on disk", True),
        ('"on disk"', "disk on", False),
        ("?ERROR ?WARN", "WARN x", True),
        ("?ERROR ?WARN", "INFO x", False),
        ("ERROR -disk", "ERROR net", True),
        ("ERROR -disk", "ERROR disk", False),
        ('-"GET /health"', "GET /health 200", False),
        ('"a \\"b\\""', 'a "b"', True),
    ],
)
def test_a_pattern_matches_by_words(pattern: str, message: str, matches: bool) -> None:
    assert log_pattern.parse(pattern).matches(message) is matches


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("{ $.a = 1 }", "JSON filter patterns"),
        ("[a, b]", "space-delimited"),
        ("%a.*%", "regular expressions"),
        ("GET/health", "GET/health"),
        ('"open', "Invalid filter pattern"),
        ('a"b"', "Invalid filter pattern"),
    ],
)
def test_what_is_no_pattern_here_is_refused_by_name(pattern: str, what: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        log_pattern.parse(pattern)
    assert what in refused.value.message


@given(st.text(min_size=1))
def test_any_text_in_quotes_finds_itself(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert log_pattern.parse(quoted).matches(f"before {text} after")
