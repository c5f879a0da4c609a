"""The numbers that may be set: taken from the settings, refused by the name of their variable."""

from dataclasses import fields

import pytest

from moorage.mesh.policies import DEFAULT, Policies
from moorage.settings import Settings


def test_the_defaults_of_the_settings_are_those_of_the_mesh():
    assert Policies.of(Settings()) == DEFAULT


@pytest.mark.parametrize("name", [field.name for field in fields(Policies)])
def test_each_number_is_read_from_its_variable(name):
    settings = Settings.from_environment({f"MOORAGE_{name.upper()}": "7"})
    assert getattr(Policies.of(settings), name) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("ejection_percent", -1), ("ejection_percent", 101), ("zone_minimum", -1), ("max_requests", 2**32)],
        *[("connect_seconds", 0), ("connect_seconds", float("nan")), ("connect_seconds", float("inf"))],
        *[("connect_seconds", 1e-10), ("connect_seconds", 0.0009)],
    ],
)
def test_a_number_that_means_nothing_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"MOORAGE_{name.upper()}: "):
        Policies(**{name: value})
