"""The statistics of samples, and how minutes become periods."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import metrics
from moorage.domain.metrics import Point

SAMPLES = st.dictionaries(st.integers(0, 1000).map(float), st.integers(1, 50), min_size=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SampleCount", 4),
        ("Sum", 117),
        ("Average", 29.25),
        ("Minimum", 1),
        ("Maximum", 100),
        ("p0", 1),
        ("p25", 1),
        ("p50", 8),
        ("p75", 8),
        ("p99.9", 100),
        ("p100", 100),
    ],
)
def test_each_statistic_follows_from_the_samples(name: str, value: float) -> None:
    assert metrics.statistic({1.0: 1, 8.0: 2, 100.0: 1}, name) == value


@given(SAMPLES, st.integers(0, 100))
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(samples: dict[float, int], percent: int) -> None:
    everything = sorted(value for value, count in samples.items() for _ in range(count))
    found = metrics.statistic(samples, f"p{percent}")
    at_most = sum(value <= found for value in everything)
    below = sum(value < found for value in everything)
    assert found in samples
    assert at_most * 100 >= percent * len(everything)
    assert below * 100 <= percent * len(everything)


@pytest.mark.parametrize(
    ("name", "known"),
    [("Sum", True), ("p99.95", True), ("p100", True), ("p101", False), ("tm90", False), ("IQM", False), ("p", False)],
)
def test_which_statistics_there_are(name: str, known: bool) -> None:
    assert metrics.is_statistic(name) is known


@given(st.lists(st.tuples(st.integers(0, 300), SAMPLES), unique_by=lambda pair: pair[0]))
def test_periods_hold_every_sample_of_their_minutes_once(pairs: list[tuple[int, dict[float, int]]]) -> None:
    found = metrics.by_period([Point(minute, samples) for minute, samples in pairs], 300)
    assert all(start % 300 == 0 for start in found)
    assert metrics.merged(found.values()) == metrics.merged(samples for _, samples in pairs)
    for minute, samples in pairs:
        assert found[minute * 60 // 300 * 300].keys() >= samples.keys()
