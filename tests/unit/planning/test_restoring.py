"""Tasks that a former deployment loses while another is on its way: replaced with its own, and let go in the end."""

from dataclasses import replace

import pytest

from moorage.domain.changes import Put
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Stop, StopCode, Task
from moorage.domain.world import World
from moorage.planning import service_plan
from worlds import CLUSTER, HOME, Counter, crashed, deployment, later, live, running, service, tasks, world_with
from worlds import rollout as rollout_of

KEY = (*HOME, CLUSTER, "web")
OLD, NEW = deployment("web", 1).id, deployment("web", 2).id


def step(world: World, names: Counter, seconds: float) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, later(seconds), names)
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def up(world: World, of: str, seconds: float) -> World:
    waiting = [task for task, state in live(world) if state is None and task.deployment_id == of]
    return world.apply([Put(running(task, later(seconds))) for task in waiting])


def of(world: World, which: str) -> list[Task]:
    return [task for task, _ in live(world) if task.deployment_id == which]


def rolling(names: Counter, **more: int) -> World:
    """A service in the middle of a rolling update, whose new tasks are not healthy."""
    world = step(up(step(world_with(service(**more)), names, 0), OLD, 0), names, 0)
    spec = world.get(Service, KEY)
    following = replace(deployment("web", 2), created_at=later(60), replaces=OLD)
    world = world.apply([Put(following), Put(rollout_of(following)), Put(replace(spec, deployment_id=NEW))])
    return step(world, names, 60)


def crash(world: World, which: str, seconds: float) -> World:
    task, state = next((task, state) for task, state in live(world) if task.deployment_id == which)
    return world.apply([Put(crashed(task, state, later(seconds)))])


def sicken(world: World, which: str) -> World:
    state = next(state for task, state in live(world) if task.deployment_id == which)
    return world.apply([Put(replace(state, health="UNHEALTHY"))])


def stop(world: World, which: str, seconds: float) -> World:
    """StopTask of a task of the deployment."""
    task = next(task for task, _ in live(world) if task.deployment_id == which)
    return world.apply([Put(replace(task, stop=Stop(StopCode.USER_INITIATED, "Task stopped by user", later(seconds))))])


@pytest.mark.parametrize(
    "lose", [lambda world: crash(world, OLD, 90), lambda world: sicken(world, OLD), lambda world: stop(world, OLD, 90)]
)
def test_what_the_old_deployment_loses_is_replaced_with_its_own(lose):
    names = Counter()
    world = step(lose(rolling(names, desired=2)), names, 90)
    world = step(world, names, 91)
    assert (len(of(world, OLD)), len(of(world, NEW))) == (2, 2)
    assert step(world, names, 92) is world
    world = step(up(world, OLD, 93), names, 94)
    assert len(of(world, OLD)) == 2


def test_a_replacement_goes_unserved_when_the_new_tasks_are_healthy():
    names = Counter()
    world = step(crash(rolling(names, desired=2), OLD, 90), names, 90)
    world = step(up(world, NEW, 100), names, 101)
    assert (of(world, OLD), len(of(world, NEW))) == ([], 2)


def test_the_ceiling_holds_for_replacements():
    names = Counter()
    world = rolling(names, desired=2, minimum=50, maximum=100)
    assert (len(of(world, OLD)), len(of(world, NEW))) == (1, 0)
    world = step(step(crash(world, OLD, 90), names, 90), names, 91)
    assert len(live(world)) == 2


def test_tasks_that_were_scaled_in_are_not_brought_back():
    names = Counter()
    world = rolling(names, desired=2, minimum=50, maximum=100)
    for seconds in range(61, 70):
        world = step(world, names, seconds)
    assert sum(task.deployment_id == OLD for task, _ in tasks(world)) == 2


def test_a_deployment_that_lost_all_its_tasks_at_once_is_still_there():
    names = Counter()
    world = rolling(names, desired=1)
    world = step(crash(world, OLD, 90), names, 90)
    assert len(of(world, OLD)) == 1
    assert world.get(Deployment, (*KEY, OLD)) is not None
