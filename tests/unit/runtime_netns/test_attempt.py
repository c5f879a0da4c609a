"""A trial in a child: what went wrong is told, whatever it was."""

import os
import signal
from pathlib import Path

import pytest

from moorage.runtime.supervisor import attempt


def fail() -> None:
    raise OSError(1, "no such luck")


def test_what_works_is_no_trouble() -> None:
    assert attempt.trouble(lambda: None) is None


def test_a_failure_is_told_in_its_own_words() -> None:
    assert attempt.trouble(fail) == "[Errno 1] no such luck"


@pytest.mark.parametrize(
    "end",
    [lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: 1 / 0],
    ids=["exit", "signal", "error"],
)
def test_an_end_without_a_word_is_trouble_too(end: object) -> None:
    assert callable(end)
    assert attempt.trouble(end) == "the attempt ended without a word"


def test_what_it_changes_ends_with_it() -> None:
    before = Path.cwd()
    assert attempt.trouble(lambda: os.chdir("/")) is None
    assert Path.cwd() == before
