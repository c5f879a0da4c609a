"""Tasks that fail their health checks: replaced first where there is room, and one at a time where there is none."""

from dataclasses import replace

import pytest

from moorage.domain.changes import Put
from moorage.domain.service import CircuitBreaker, Rollout, Service, ServiceProgress
from moorage.domain.task import Task
from moorage.domain.world import World
from moorage.planning import service_plan
from worlds import CLUSTER, HOME, Counter, deployment, later, live, running, service, tasks, world_with
from worlds import rollout as rollout_of

KEY = (*HOME, CLUSTER, "web")
LONG_AFTER = 600


def step(world: World, names: Counter, seconds: float = 0) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, later(seconds), names)
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def said(world: World, health: str, chosen: list[Task], since: float = 0) -> World:
    """Let the health check of the chosen tasks say this, of tasks that run."""
    return world.apply(
        [Put(replace(running(task, later(since), healthy=health != "NEVER"), health=health)) for task in chosen]
    )


def up(world: World, seconds: float = 0) -> World:
    waiting = [task for task, state in live(world) if state is None or state.healthy_at is None]
    return said(world, "HEALTHY", waiting, seconds)


def steady(names: Counter, **more: int) -> World:
    return step(up(step(world_with(service(**more)), names)), names)


def stops(world: World) -> dict[str, str]:
    return {task.id: task.stop.reason for task, _ in tasks(world) if task.stop is not None}


def messages(world: World) -> list[str]:
    return [event.message for event in world.get(ServiceProgress, KEY).events]


def test_a_sick_task_goes_when_its_replacement_is_healthy():
    names = Counter()
    world = steady(names, desired=2)
    first, other = (task for task, _ in live(world))
    world = step(said(world, "UNHEALTHY", [first]), names, LONG_AFTER)
    (third,) = (task for task, _ in live(world) if task.id not in (first.id, other.id))
    assert not stops(world)
    assert messages(world)[0] == (
        f"(service web) has started 1 tasks: (task {third.id}). Amazon ECS replaced 1 tasks due to an unhealthy status."
    )
    assert step(world, names, LONG_AFTER) is world
    world = step(up(world, LONG_AFTER), names, LONG_AFTER + 1)
    assert stops(world) == {first.id: "Task failed container health checks"}
    assert messages(world)[:2] == [
        f"(service web) has stopped 1 running tasks: (task {first.id}).",
        f"(service web) (task {first.id}) failed container health checks.",
    ]
    assert "steady" in messages(step(world, names, LONG_AFTER + 2))[0]


def test_a_task_that_recovers_stays_and_its_replacement_goes():
    names = Counter()
    world = steady(names, desired=1)
    ((first, _),) = live(world)
    world = step(said(world, "UNHEALTHY", [first]), names, LONG_AFTER)
    world = step(said(world, "HEALTHY", [first]), names, LONG_AFTER + 1)
    ((left, _),) = live(world)
    assert left.id == first.id


def test_of_a_sick_task_and_its_sick_replacement_one_goes_and_another_is_tried():
    names = Counter()
    world = steady(names, desired=1)
    world = step(said(world, "UNHEALTHY", [task for task, _ in live(world)]), names, LONG_AFTER)
    replacement = live(world)[-1][0]
    world = step(said(world, "UNHEALTHY", [replacement], LONG_AFTER), names, LONG_AFTER + 30)
    assert len(stops(world)) == 1
    world = step(world, names, 2 * LONG_AFTER)
    assert len(live(world)) == 2


@pytest.mark.parametrize("sick", [1, 3])
def test_without_room_for_more_tasks_sick_ones_go_one_at_a_time(sick: int):
    names = Counter()
    world = steady(names, desired=3, minimum=0, maximum=100)
    ill = [task for task, _ in live(world)][:sick]
    world = said(world, "UNHEALTHY", ill)
    for number in range(1, sick + 1):
        world = step(world, names, number * LONG_AFTER)
        world = step(world, names, number * LONG_AFTER + 1)
        assert (len(stops(world)), len(live(world))) == (number, 3)
        world = up(world, number * LONG_AFTER + 2)
    assert set(stops(world)) == {task.id for task in ill}


def test_sick_tasks_of_a_new_deployment_go_at_once_while_the_old_ones_serve():
    names = Counter()
    world = steady(names, desired=2)
    spec = world.get(Service, KEY)
    following = replace(deployment("web", 2), created_at=later(1), replaces=spec.deployment_id)
    world = world.apply([Put(following), Put(rollout_of(following)), Put(replace(spec, deployment_id=following.id))])
    world = step(world, names, 1)
    new = [task for task, _ in live(world) if task.deployment_id == following.id]
    world = step(said(world, "UNHEALTHY", new), names, LONG_AFTER)
    assert set(stops(world)) == {task.id for task in new}
    assert sum(task.deployment_id == spec.deployment_id for task, _ in live(world)) == 2


def test_a_sick_task_is_one_failure_however_long_it_stays():
    names = Counter()
    spec = service(desired=1)
    guarded = replace(spec.deployment_configuration, breaker=CircuitBreaker(True))
    world = step(world_with(replace(spec, deployment_configuration=guarded)), names)
    world = said(world, "NEVER", [task for task, _ in live(world)])
    sick = [Put(replace(state, health="UNHEALTHY")) for _, state in live(world)]
    world = world.apply(sick)
    for seconds in (1, 2, 3):
        world = step(world, names, seconds)
    (state,) = world.linked(Rollout, "service", KEY)
    assert (state.failed_tasks, state.state) == (1, "IN_PROGRESS")
