"""At which places new tasks are put and which tasks go first, by strategy, for any number of instances and zones."""

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.network import Subnet
from moorage.planning import placement
from moorage.planning.placement import Place, Wish

SUBNETS = st.lists(
    st.builds(Subnet, st.sampled_from([f"subnet-{n}" for n in range(6)]), st.sampled_from(["a", "b", "c"])),
    min_size=1,
    max_size=6,
    unique_by=lambda subnet: subnet.id,
)
BY_ZONE = {"type": "spread", "field": "attribute:ecs.availability-zone"}
BY_HOST = {"type": "spread", "field": "host"}
BY_DISK = {"type": "spread", "field": "attribute:disk"}
PACKED = {"type": "binpack", "field": "MEMORY"}
ANY = {"type": "random"}


def first(below: int) -> int:
    return 0


def spread(subnets: list[Subnet], taken: list[Place], count: int) -> list[Place]:
    return placement.choose(placement.places(subnets), taken, Wish(), count, first)


def instances(**memory: int) -> list[Place]:
    return [Place(instance=name, memory=left, cpu=4096) for name, left in memory.items()]


def chosen(places: list[Place], count: int, *strategies: dict[str, Any], **wish: Any) -> list[str]:
    found = placement.choose(places, [], Wish(strategies, **wish), count, first)
    return [place.instance or place.subnet for place in found]


@given(SUBNETS, st.integers(0, 12))
def test_tasks_are_spread_evenly_over_the_zones(subnets: list[Subnet], count: int) -> None:
    counts = Counter({subnet.zone: 0 for subnet in subnets})
    counts.update(place.zone for place in spread(subnets, [], count))
    assert sum(counts.values()) == count
    assert max(counts.values()) - min(counts.values()) <= 1


@given(SUBNETS, st.integers(0, 12), st.randoms())
def test_the_order_of_the_subnets_does_not_matter(subnets: list[Subnet], count: int, random: object) -> None:
    shuffled = list(subnets)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert spread(shuffled, [], count) == spread(subnets, [], count)


@given(SUBNETS, st.integers(0, 8), st.integers(0, 8))
def test_one_after_another_ends_as_all_at_once(subnets: list[Subnet], earlier: int, more: int) -> None:
    before = spread(subnets, [], earlier)
    assert before + spread(subnets, before, more) == spread(subnets, [], earlier + more)


def test_a_new_task_goes_to_the_zone_that_lost_one() -> None:
    one, two, three = placement.places([Subnet("subnet-1", "a"), Subnet("subnet-2", "b"), Subnet("subnet-3", "b")])
    assert placement.choose([one, two, three], [two, three], Wish(), 1, first) == [one]
    assert placement.choose([one, two, three], [one, one, two], Wish(), 1, first) == [three]


def test_without_subnets_and_instances_a_task_is_nowhere_in_particular() -> None:
    assert spread([], [], 2) == [Place(), Place()]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(1, 20))
def test_no_instance_takes_more_than_it_has_room_for(room: list[int], count: int) -> None:
    places = instances(**{f"i{number}": each * 100 for number, each in enumerate(room)})
    for strategy in (BY_HOST, PACKED, ANY):
        found = Counter(chosen(places, count, strategy, memory=100))
        assert sum(found.values()) == min(count, sum(room))
        assert all(found[f"i{number}"] <= each for number, each in enumerate(room))


def test_binpack_fills_the_fullest_instance_before_the_next() -> None:
    places = instances(large=900, small=200, medium=400)
    assert chosen(places, 5, PACKED, memory=100) == ["small", "small", "medium", "medium", "medium"]
    assert chosen(places, 3, BY_HOST, memory=100) == ["large", "medium", "small"]


def test_strategies_narrow_one_after_the_other() -> None:
    places = [
        Place("a", "subnet-1", "i1", attributes={"disk": "fast"}, cpu=100, memory=900),
        Place("a", "subnet-1", "i2", attributes={"disk": "slow"}, cpu=100, memory=300),
        Place("b", "subnet-2", "i3", attributes={"disk": "fast"}, cpu=100, memory=500),
    ]
    assert chosen(places, 3, BY_ZONE, PACKED, memory=10) == ["i2", "i3", "i2"]
    assert chosen(places, 4, BY_DISK, PACKED, memory=10) == ["i2", "i3", "i2", "i3"]


def test_random_takes_what_is_drawn_and_distinct_tasks_never_share_an_instance() -> None:
    places = instances(i1=900, i2=900, i3=900)
    drawn = placement.choose(places, [], Wish((ANY,)), 2, lambda below: below - 1)
    assert [place.instance for place in drawn] == ["i3", "i3"]
    assert sorted(chosen(places, 5, ANY, distinct=True)) == ["i1", "i2", "i3"]


def test_the_task_goes_that_leaves_the_best_spread() -> None:
    tasks = [Place("a"), Place("b"), Place("b"), Place("c")]
    assert placement.leaving(tasks, tasks, 1, (), first) == [1]
    # A zone counts with the tasks that cannot go, too.
    assert placement.leaving(tasks[:1], tasks, 1, (), first) == [0]
    assert placement.leaving([Place("a"), Place("b")], [*tasks, Place("a"), Place("a")], 1, (BY_ZONE,), first) == [0]


def test_binpack_gives_back_from_the_emptiest_instance_and_random_from_any() -> None:
    tasks = instances(i1=100, i2=700)
    assert placement.leaving(tasks, tasks, 1, (PACKED,), first) == [1]
    assert placement.leaving(tasks, tasks, 1, (ANY,), lambda below: below - 1) == [1]
    assert placement.leaving([replace(tasks[0], memory=700), tasks[1]], tasks, 1, (PACKED, ANY), first) == [0]


def test_several_tasks_leave_so_that_the_spread_stays_even() -> None:
    tasks = [Place(zone) for zone in "aaabbc"]
    assert [tasks[at].zone for at in placement.leaving(tasks, tasks, 3, (), first)] == ["a", "a", "b"]
    assert placement.leaving(tasks, tasks, 9, (), first)[-1] in range(6)
