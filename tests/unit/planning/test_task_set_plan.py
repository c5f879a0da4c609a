"""Task sets: each at its own count, gone when it was deleted and is empty, and nothing to do once all is well."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain.changes import Put
from moorage.domain.impossible import contradictions
from moorage.domain.service import EXTERNAL, Deployment, Rollout, Service
from moorage.domain.task_set import STABILIZING, STEADY_STATE, TaskSet
from moorage.domain.world import World
from moorage.planning import service_plan
from worlds import CLUSTER, HOME, NOON, Counter, crashed, deployment, live, rollout, running, service, stopped, tasks
from worlds import world_with as world_of

KEY = (*HOME, CLUSTER, "web")


def task_set(number: int, scale: float, **more: Any) -> TaskSet:
    return TaskSet(*KEY, deployment("web", number).id, NOON, NOON, scale=scale, **more)


def world_with(desired: int, *sets: TaskSet) -> World:
    spec = replace(service("web", desired), controller=EXTERNAL, deployment_id="")
    made = [replace(deployment("web", 1), id=each.id) for each in sets]
    world = world_of(spec, *made) if made else world_of(spec, deployment("web", 1))
    if not made:
        return world
    states = [replace(rollout(each), state=STABILIZING) for each in made]
    return world.apply([Put(record) for record in (*sets, *states)])


class Fresh(Counter):
    """Ids that no record of the World has."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._next = 1000 * world.sequence


def settled(world: World, rounds: int = 30) -> World:
    """The World when nothing is left to decide; tasks become healthy, and those that are stopped end."""
    names = Fresh(world)
    for _ in range(rounds):
        plan = service_plan.plan(world.get(Service, KEY), world, NOON, names)
        world.check_expected(plan.read)
        world = world.apply(plan.writes)
        moves = [Put(running(task, NOON)) for task, state in live(world) if state is None]
        moves += [Put(stopped(t, s, NOON)) for t, s in tasks(world) if t.stop and not (s and s.stopped_at)]
        if not plan.writes and not moves:
            return world
        world = world.apply(moves)
        assert not contradictions_but_addresses(world)
    raise AssertionError("it is never finished")


def contradictions_but_addresses(world: World) -> list[str]:
    """The running tasks of these tests all have one address."""
    return [problem for problem in contradictions(world) if "same address" not in problem]


def counts(world: World) -> dict[str, int]:
    found: dict[str, int] = {each.id: 0 for each in world.all(TaskSet)}
    for task, _ in live(world):
        found[task.deployment_id or ""] += 1
    return found


@pytest.mark.parametrize(
    ("desired", "scale", "count"),
    [(10, 100.0, 10), (10, 12.0, 2), (1, 1.0, 1), (0, 100.0, 0), (7, 0.0, 0), (250, 64.4, 161), (3, 50.0, 2)],
)
def test_the_count_of_a_set_is_rounded_up(desired: int, scale: float, count: int) -> None:
    assert task_set(1, scale).desired_count(desired) == count


@settings(max_examples=60, deadline=None)
@given(
    desired=st.integers(0, 9),
    scales=st.lists(st.floats(0, 100), min_size=1, max_size=5),
    others=st.lists(st.floats(0, 100), min_size=5, max_size=5),
    gone=st.sets(st.integers(0, 4)),
)
def test_every_set_comes_to_its_count_and_stays(desired, scales, others, gone) -> None:
    sets = [task_set(number, scale) for number, scale in enumerate(scales, 1)]
    world = settled(world_with(desired, *sets))
    assert counts(world) == {each.id: each.desired_count(desired) for each in sets}
    assert {each.state for each in world.all(Rollout)} == {STEADY_STATE}
    changed = [
        replace(each, scale=other, deleted_at=NOON if number in gone else None)
        for number, (each, other) in enumerate(zip(sets, others, strict=False))
    ]
    world = settled(world.apply([Put(each) for each in changed]))
    kept = [each for each in changed if each.deleted_at is None]
    assert counts(world) == {each.id: each.desired_count(desired) for each in kept}
    assert {each.id for each in world.all(Deployment)} == {each.id for each in kept}


def test_a_task_that_crashed_is_replaced_in_its_own_set() -> None:
    blue, green = task_set(1, 50), task_set(2, 100)
    world = settled(world_with(2, blue, green))
    (victim,) = [(task, state) for task, state in live(world) if task.deployment_id == blue.id]
    world = world.apply([Put(crashed(*victim, NOON))])
    assert counts(world)[blue.id] == 0
    world = settled(world)
    assert counts(world) == {blue.id: 1, green.id: 2}


def test_a_set_is_stabilizing_until_every_task_is_healthy() -> None:
    one = task_set(1, 100)
    world = world_with(2, one)
    plan = service_plan.plan(world.get(Service, KEY), world, NOON, Counter())
    world = world.apply(plan.writes)
    assert world.get(Rollout, one.key).state == STABILIZING
    assert settled(world).get(Rollout, one.key).state == STEADY_STATE


def test_deleting_the_service_ends_its_sets() -> None:
    world = settled(world_with(2, task_set(1, 100), task_set(2, 50)))
    spec = world.get(Service, KEY)
    world = settled(world.apply([Put(replace(spec, deleted_at=NOON, desired_count=0))]))
    assert not live(world)
    assert not list(world.all(TaskSet)) and not list(world.all(Deployment)) and not list(world.all(Rollout))
