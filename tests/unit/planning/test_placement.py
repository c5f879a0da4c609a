"""In which subnets and zones new tasks are put."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.network import Subnet
from moorage.planning import placement

SUBNETS = st.lists(
    st.builds(Subnet, st.sampled_from([f"subnet-{n}" for n in range(6)]), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=6,
    unique_by=lambda subnet: subnet.id,
)


@given(SUBNETS, st.integers(0, 12))
def test_tasks_are_spread_evenly_over_the_zones(subnets: list[Subnet], count: int) -> None:
    counts = Counter({subnet.zone: 0 for subnet in subnets})
    counts.update(subnet.zone for subnet in placement.spread(subnets, (), count))
    assert sum(counts.values()) == count
    assert max(counts.values()) - min(counts.values()) <= 1


@given(SUBNETS, st.integers(0, 12), st.randoms())
def test_the_order_of_the_subnets_does_not_matter(subnets: list[Subnet], count: int, random: object) -> None:
    shuffled = list(subnets)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert placement.spread(shuffled, (), count) == placement.spread(subnets, (), count)


@given(SUBNETS, st.integers(0, 8), st.integers(0, 8))
def test_one_after_another_ends_as_all_at_once(subnets: list[Subnet], first: int, more: int) -> None:
    before = placement.spread(subnets, (), first)
    after = placement.spread(subnets, [subnet.id for subnet in before], more)
    assert before + after == placement.spread(subnets, (), first + more)


def test_a_new_task_goes_to_the_zone_that_lost_one() -> None:
    subnets = [Subnet("subnet-1", "a"), Subnet("subnet-2", "b"), Subnet("subnet-3", "b")]
    assert placement.spread(subnets, ["subnet-2", "subnet-3"], 1) == [subnets[0]]
    assert placement.spread(subnets, ["subnet-1", "subnet-1", "subnet-2"], 1) == [subnets[2]]


def test_a_subnet_that_is_no_longer_one_of_the_deployments_counts_for_nothing() -> None:
    assert placement.spread([Subnet("subnet-1", "a")], ["subnet-9"], 1) == [Subnet("subnet-1", "a")]


def test_without_subnets_there_is_nothing_to_choose() -> None:
    assert placement.spread([], (), 3) == []
