"""Which capacity provider each task of a strategy gets, and which strategies there cannot be."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import capacity_strategy
from moorage.domain.errors import InvalidParameter

ON_DEMAND, SPOT = "FARGATE", "FARGATE_SPOT"


def item(name: str, weight: int = 0, base: int = 0) -> dict[str, Any]:
    return {"capacityProvider": name, "weight": weight, "base": base}


def test_the_base_comes_first_and_the_rest_follows_the_weights() -> None:
    strategy = [item(ON_DEMAND, weight=1, base=2), item(SPOT, weight=3)]
    chosen = capacity_strategy.providers(strategy, (), 10)
    assert chosen[:2] == [ON_DEMAND, ON_DEMAND]
    assert Counter(chosen) == {ON_DEMAND: 4, SPOT: 6}


def test_equal_weights_share_equally() -> None:
    strategy = [item(ON_DEMAND, weight=1), item(SPOT, weight=1)]
    assert capacity_strategy.providers(strategy, (), 4) == [ON_DEMAND, SPOT, ON_DEMAND, SPOT]


def test_a_provider_without_weight_gets_no_more_than_its_base() -> None:
    strategy = [item(ON_DEMAND, base=1), item(SPOT, weight=5)]
    assert capacity_strategy.providers(strategy, (), 3) == [ON_DEMAND, SPOT, SPOT]


def test_one_provider_alone_needs_no_weight() -> None:
    assert capacity_strategy.providers([item(SPOT)], (), 2) == [SPOT, SPOT]


def test_without_a_strategy_there_is_no_provider() -> None:
    assert capacity_strategy.providers([], (), 2) == []


def test_what_is_missing_beside_those_that_are_there_is_made_up_for() -> None:
    strategy = [item(ON_DEMAND, weight=1, base=1), item(SPOT, weight=1)]
    assert capacity_strategy.providers(strategy, [SPOT, SPOT], 3) == [ON_DEMAND, ON_DEMAND, ON_DEMAND]


@given(
    weights=st.lists(st.integers(0, 9), min_size=2, max_size=4).filter(any),
    base=st.integers(0, 5),
    count=st.integers(0, 40),
    first=st.integers(0, 40),
)
def test_shares_keep_to_the_weights_in_whatever_parts_the_tasks_come(
    weights: list[int], base: int, count: int, first: int
) -> None:
    strategy = [item(str(number), weight, base if number == 0 else 0) for number, weight in enumerate(weights)]
    before = capacity_strategy.providers(strategy, (), min(first, count))
    after = capacity_strategy.providers(strategy, before, count - len(before))
    assert [*before, *after] == capacity_strategy.providers(strategy, (), count)
    found = Counter([*before, *after])
    beyond = max(0, count - base)
    for number, weight in enumerate(weights):
        share = found[str(number)] - (min(base, count) if number == 0 else 0)
        assert abs(share - beyond * weight / sum(weights)) < len(weights)


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ([item("none")], "not associated with the cluster"),
        ([item(ON_DEMAND, 1), item("mine", 1)], "cannot contain a mix of capacity providers"),
        ([item(ON_DEMAND), item(SPOT)], "no capacity providers with a weight value greater than zero"),
        ([item(ON_DEMAND, 1, 1), item(SPOT, 1, 1)], "Only one capacity provider"),
        ([item(ON_DEMAND, 1), item(ON_DEMAND, 1)], "more than once"),
        ([item(ON_DEMAND, 1001)], "weight of a capacity provider must be between 0 and 1000"),
        ([item(ON_DEMAND, 1, 100_001)], "base of a capacity provider must be between 0 and 100000"),
        ([item(str(number), 1) for number in range(21)], "maximum of 20"),
    ],
    ids=["unknown", "mixed", "no weight", "two bases", "twice", "weight", "base", "many"],
)
def test_strategies_that_cannot_be_are_refused(strategy: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        capacity_strategy.read(strategy, (ON_DEMAND, SPOT, "mine"))


def test_base_and_weight_are_0_where_nothing_is_said() -> None:
    assert capacity_strategy.read([{"capacityProvider": SPOT}], (SPOT,)) == (item(SPOT),)
