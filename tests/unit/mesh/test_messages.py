"""Small values whose form Envoy is strict about."""

import pytest

from moorage.mesh import messages


@pytest.mark.parametrize(
    ("count", "whole", "nanos"),
    [(0, 0, 0), (0.25, 0, 250_000_000), (0.9999999999, 1, 0), (1.5, 1, 500_000_000), (2**31 - 1, 2**31 - 1, 0)],
)
def test_a_duration_never_has_a_second_of_nanoseconds(count: float, whole: int, nanos: int) -> None:
    duration = messages.seconds(count)
    assert (duration.seconds, duration.nanos) == (whole, nanos)
