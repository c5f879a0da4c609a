"""Which lines begin an event of the awslogs driver."""

import pytest

from moorage.domain import log_lines
from moorage.domain.errors import ClientMistake


@pytest.mark.parametrize(
    ("options", "first", "further"),
    [
        ({"awslogs-multiline-pattern": "^INFO"}, "INFO it began", "it went on: INFO"),
        ({"awslogs-datetime-format": "%Y-%m-%d %H:%M:%S"}, "[2026-11-23 04:05:06] up", "2026-11-23"),
        ({"awslogs-datetime-format": "%b %d, %Y %I:%M %p"}, "Nov 23, 2026 04:05 AM", "Foo 23, 2026 04:05 AM"),
        ({"awslogs-datetime-format": r"100%% \(%A\)"}, "100% (Monday)", "100% (Someday)"),
        (
            {"awslogs-datetime-format": r"\[%b %d, %Y %H:%M:%S\]"},
            "[May 01, 2017 19:00:01] up",
            "May 01, 2017 19:00:01 up",
        ),
    ],
)
def test_the_first_line_of_an_event(options: dict[str, str], first: str, further: str) -> None:
    pattern = log_lines.first_line(options)
    assert pattern is not None
    assert pattern.search(first) and not pattern.search(further)


def test_without_either_option_every_line_is_an_event() -> None:
    assert log_lines.first_line({"awslogs-group": "/g"}) is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"awslogs-multiline-pattern": "("}, "is not a regular expression"),
        ({"awslogs-datetime-format": "[%Y"}, "is not a regular expression"),
        ({"awslogs-datetime-format": "%Q"}, "has an unknown code: %Q"),
        ({"awslogs-datetime-format": "%Y", "awslogs-multiline-pattern": "x"}, "cannot be used at the same time"),
        ({"awslogs-create-group": "yes"}, "must be true or false"),
        ({"mode": "lazy"}, "mode must be blocking or non-blocking"),
        ({"mode": "blocking", "max-buffer-size": "1m"}, "only supported with 'mode=non-blocking'"),
        ({"max-buffer-size": "much"}, "is not a size such as 25m"),
        ({"awslogs-endpoint": "x", "labels": "y"}, "Log driver awslogs disallows options: awslogs-endpoint, labels"),
    ],
)
def test_what_cannot_be_an_option_is_refused(options: dict[str, str], text: str) -> None:
    with pytest.raises(ClientMistake) as refused:
        log_lines.check(options)
    assert text in refused.value.message


@pytest.mark.parametrize("size", ["25m", "1g", "4096", "1MB"])
def test_a_buffer_that_does_not_block_has_a_size(size: str) -> None:
    log_lines.check({"mode": "non-blocking", "max-buffer-size": size, "awslogs-create-group": "True"})
