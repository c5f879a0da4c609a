"""How names are listed where a person reads them: few in full, many by their first and a number."""

import pytest

from moorage.cli import render


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, ""), (1, "s0"), (4, "s0, s1, s2, s3"), (5, "s0, s1, s2 and 2 more"), (30, "s0, s1, s2 and 27 more")],
)
def test_many_names_are_counted_beyond_the_first(count: int, said: str) -> None:
    assert render.listed([f"s{number}" for number in range(count)]) == said
