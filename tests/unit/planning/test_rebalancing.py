"""Availability Zone rebalancing: when it begins, what it keeps to, and what is told of it."""

from collections import Counter as Tally
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain.changes import Put
from moorage.domain.network import Subnet
from moorage.domain.service import COMPLETED, Rollout, Service, ServiceProgress
from moorage.domain.task import Status, Task
from moorage.domain.world import World
from moorage.planning import rebalancing, service_plan
from worlds import (
    CLUSTER,
    HOME,
    NOON,
    Counter,
    crashed,
    deployment,
    later,
    live,
    running,
    service,
    stopped,
    tasks,
    world_with,
)

KEY = (*HOME, CLUSTER, "web")
SUBNETS = (Subnet("subnet-1", "a"), Subnet("subnet-2", "b"))
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=2, max_size=4)


def uneven(counts: dict[str, int], maximum: int = 200, protected: str = "", **recorded: object) -> World:
    """A service at rest with so many tasks in each zone; those of the zone `protected` are, for an hour."""
    first = replace(deployment("web", 1), subnets=SUBNETS)
    settled = {"availabilityZoneRebalancing": "ENABLED", **recorded}
    world = world_with(service(desired=sum(counts.values()), maximum=maximum, recorded=settled), first)
    done = replace(world.get(Rollout, first.key), state=COMPLETED)
    world = world.apply([Put(done), Put(replace(world.get(ServiceProgress, KEY), steady=True))])
    zones = [zone for zone, count in counts.items() for _ in range(count)]
    for number, zone in enumerate(zones):
        task = Task(*HOME, CLUSTER, f"f{number:031d}", NOON, first.task_definition, "service:web", "FARGATE", "web")
        until = later(3600) if zone == protected else None
        task = replace(task, deployment_id=first.id, availability_zone=zone, protected_until=until)
        world = world.apply([Put(task), Put(running(task))])
    return world


def step(world: World, names: Counter, now: datetime = NOON) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, now, names)
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def served(world: World, now: datetime = NOON) -> World:
    """Young tasks become healthy; those that were told to, stop."""
    young = [Put(running(task, now)) for task, state in live(world) if state is None]
    told = [(t, s) for t, s in tasks(world) if t.stop and (s is None or s.status is not Status.STOPPED)]
    return world.apply([*young, *(Put(stopped(t, s, now)) for t, s in told)]) if young or told else world


def settled(world: World, now: datetime = NOON) -> World:
    names = Counter()
    for _ in range(60):
        before, world = world, step(world, names, now)
        healthy = sum(state is not None for _, state in live(world))
        assert world.get(Service, KEY).desired_count <= healthy
        world = served(world, now)
        if world is before:
            return world
    raise AssertionError("the plan does not settle")


def zones(world: World) -> dict[str, int]:
    return dict(Tally(task.availability_zone for task, _ in live(world)))


def told(world: World) -> list[str]:
    events = world.get(ServiceProgress, KEY).events
    return [event.message.removeprefix("(service web) ") for event in reversed(events)]


@given(COUNTS, st.data())
def test_moves_end_in_balance_or_where_the_full_zones_can_give_no_more(counts: dict[str, int], data: st.DataObject):
    movable = {zone: data.draw(st.integers(0, count)) for zone, count in counts.items()}
    targets = rebalancing.moved_to(counts, movable)
    assert len(targets) <= sum(movable.values())
    whole = rebalancing.moved_to(counts, counts)
    even = sum(counts.values()) // len(counts)
    assert all(counts[zone] + whole.count(zone) <= even + 1 for zone in whole)
    assert (max(counts.values()) - min(counts.values()) < 2) == (not whole)


def test_an_extra_task_serves_before_one_of_the_fullest_zone_goes_and_ecs_words_are_told():
    names = Counter()
    world = step(uneven({"a": 3, "b": 1}), names)
    (extra,) = [task for task, state in live(world) if state is None]
    assert (extra.availability_zone, len(live(world))) == ("b", 5)
    assert step(world, names) == world
    world = step(served(world), names)
    (gone,) = [task for task, _ in tasks(world) if task.stop]
    assert (gone.availability_zone, gone.id == extra.id) == ("a", False)
    world = settled(world)
    assert zones(world) == {"a": 2, "b": 2}
    assert told(world) == [
        "is not AZ balanced with 3 tasks in a and 1 in b. AZ Rebalancing in progress.",
        f"has started 1 tasks in b to AZ Rebalance: (task {extra.id}).",
        f"has stopped 1 running tasks in a due to AZ rebalancing: (task {gone.id}).",
        "is AZ balanced with 2 tasks in a and 2 tasks in b.",
        "has reached a steady state.",
    ]


@settings(max_examples=60)
@given(st.integers(0, 6), st.integers(0, 6), st.sampled_from([110, 125, 150, 200]))
def test_a_service_ends_in_balance_wherever_there_is_room_for_one_more(in_a: int, in_b: int, maximum: int):
    world = settled(uneven({"a": in_a, "b": in_b}, maximum))
    after = zones(world)
    room = (in_a + in_b) * maximum // 100 > in_a + in_b
    assert sum(after.values()) == in_a + in_b
    if room or abs(in_a - in_b) < 2:
        assert abs(after.get("a", 0) - after.get("b", 0)) < 2
    else:
        assert told(world) == [
            f"is not AZ balanced with {in_a} tasks in a and {in_b} in b. AZ Rebalancing waits: maximumPercent "
            f"{maximum} leaves no room for a task beside {in_a + in_b}."
        ]
    assert settled(world) == world


def test_no_more_extra_tasks_start_than_the_ceiling_lets():
    world = step(uneven({"a": 8, "b": 0}, maximum=125), Counter())
    assert len(live(world)) == 10


def test_protected_tasks_stay_and_are_waited_for():
    world = settled(uneven({"a": 3, "b": 0}, protected="a"))
    assert zones(world) == {"a": 3}
    assert told(world) == [
        "is not AZ balanced with 3 tasks in a and 0 in b. AZ Rebalancing waits: "
        "the tasks that would go are protected from scale-in."
    ]
    plan = service_plan.plan(world.get(Service, KEY), world, NOON, Counter())
    assert plan.wake == later(3600) - NOON
    assert zones(settled(world, later(3601))) == {"a": 2, "b": 1}


def test_nothing_moves_where_it_is_disabled_or_a_deployment_is_under_way():
    assert settled(uneven({"a": 3, "b": 0}, availabilityZoneRebalancing="DISABLED")).get(ServiceProgress, KEY).steady
    world = uneven({"a": 3, "b": 0}, availabilityZoneRebalancing="DISABLED")
    assert zones(settled(world)) == {"a": 3}


def test_a_task_that_dies_meanwhile_is_made_up_for_by_the_extra_one():
    names = Counter()
    world = served(step(uneven({"a": 3, "b": 1}), names))
    (lost, *_) = [task for task, _ in live(world) if task.availability_zone == "a"]
    world = settled(world.apply([Put(crashed(lost, None, NOON))]))
    assert zones(world) == {"a": 2, "b": 2}


def test_scaling_in_ends_it():
    names = Counter()
    world = step(uneven({"a": 3, "b": 1}), names)
    world = world.apply([Put(replace(world.get(Service, KEY), desired_count=2))])
    assert zones(settled(step(world, names))) == {"a": 1, "b": 1}


def test_scaling_in_leaves_the_zones_even():
    world = uneven({"a": 2, "b": 4})
    world = world.apply([Put(replace(world.get(Service, KEY), desired_count=4))])
    assert zones(settled(world)) == {"a": 2, "b": 2}
