"""Settings from the environment: what is not of the setting's kind is refused with the variable's name."""

from pathlib import Path

import pytest

from moorage.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MOORAGE_PORT", "high"),
        ("MOORAGE_DRAIN_SECONDS", "long"),
        ("MOORAGE_NETWORK", "mine"),
        ("MOORAGE_NETWORK", "10.200.0.1/16"),
        ("MOORAGE_NETWORK", "fd00::/64"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: '{value}' is not "):
        Settings.from_environment({name: value})


def test_what_is_given_wins_over_a_variable_and_that_over_the_default() -> None:
    found = Settings.from_environment(
        {"MOORAGE_PORT": "1", "MOORAGE_DRAIN_SECONDS": "2.5"}, port=3, data_dir=Path("/x")
    )
    assert (found.port, found.drain_seconds, found.stop_seconds) == (3, 2.5, 30.0)
