"""An answer holds while what it was read from is the same, and no longer: what it rests on is noted, all of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from commits import COMMITS, PLACE
from moorage.api.ecs import present_cluster, present_service
from moorage.api.reading import Reading
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.cluster import ACTIVE, Cluster
from moorage.domain.service import Service
from moorage.domain.task import Task
from moorage.domain.world import World
from moorage.store.memory import MemoryStore

CLUSTER = Cluster(*PLACE, ACTIVE, worlds.NOON)

READS: tuple[Callable[[World], Any], ...] = (
    lambda world: [present_service.service(world, each) for each in world.linked(Service, "cluster", PLACE)],
    lambda world: present_cluster.cluster(world, CLUSTER),
    lambda world: world.get(Task, (*PLACE, f"{1:032x}")),
    lambda world: next(world.each_linked(Task, ("desired", (*PLACE, "RUNNING")), descending=True), None),
    lambda world: [each for each in world.linked(Task, "live", PLACE) if world.is_linked(each, ("placed", PLACE))],
    lambda world: sorted(each.key for each in world.all(Task)),
    lambda world: world.within(Task, *worlds.HOME),
    lambda world: world.version(Task, (*PLACE, f"{1:032x}")),
)


def reading(world: World) -> Reading:
    return Reading(MemoryStore(world=world))


@settings(max_examples=150, deadline=None)
@given(COMMITS, st.integers(0, len(READS) - 1))
def test_what_holds_still_is_what_would_be_read_again(commits: list[list[Write]], which: int) -> None:
    read = READS[which]
    world = World.empty()
    kept: list[tuple[Reading, Any]] = []
    for writes in commits:
        world = world.apply(writes)
        assert all(read(world) == found for before, found in kept if before.read.holds(world))
        now = reading(world)
        kept.append((now, read(now.snapshot())))


def test_an_answer_outlives_what_it_was_not_read_from_and_nothing_else() -> None:
    mine, other = worlds.service("web"), worlds.service("api")
    world = World.empty().apply([Put(mine), Put(other)])
    asked = reading(world)
    assert asked.snapshot().get(Service, mine.key) == mine
    later = world.apply([Put(replace(other, desired_count=9))])
    assert asked.read.holds(later)
    assert not asked.read.holds(later.apply([Put(replace(mine, desired_count=9))]))
    assert not asked.read.holds(later.apply([Delete(mine.table, mine.key)]))


def test_what_was_looked_for_and_not_there_is_rested_on_too() -> None:
    mine = worlds.service("web")
    asked = reading(World.empty())
    assert asked.snapshot().get(Service, mine.key) is None
    assert asked.snapshot().count_linked(Service, "cluster", PLACE) == 0
    assert not asked.read.holds(World.empty().apply([Put(mine)]))


async def test_nothing_is_written_through_a_reading() -> None:
    with pytest.raises(TypeError, match="repeatable"):
        await reading(World.empty()).commit([Put(CLUSTER)], {})
