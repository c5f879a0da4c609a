"""Tags that switch something of Moorage's: what they mean, and that one which means nothing is refused."""

from datetime import timedelta

import pytest

from moorage.domain import switches
from moorage.domain.errors import InvalidParameter


@pytest.mark.parametrize(("value", "seconds"), [("0", 0), ("2.5", 2.5), ("3600", 3600)])
def test_the_drain_time_of_a_service(value: str, seconds: float) -> None:
    switches.check("moorage:drain-seconds", value)
    assert switches.drain({"moorage:drain-seconds": value, "team": "a"}) == timedelta(seconds=seconds)


def test_without_the_tag_the_daemon_decides() -> None:
    assert switches.drain({"team": "a"}) is None


@pytest.mark.parametrize("value", ["", "long", "-1", "3601", "nan", "inf"])
def test_a_drain_time_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidParameter):
        switches.check("moorage:drain-seconds", value)


def test_a_misspelt_switch_is_refused_and_other_tags_pass() -> None:
    with pytest.raises(InvalidParameter, match="moorage:drain-seconds"):
        switches.check("moorage:drain-second", "1")
    switches.check("moorage", "x")
    switches.check("team:moorage:", "x")
