"""Deployments that fail, are stopped, or are over: when the circuit breaks, the way back, and what is remembered."""

from dataclasses import replace
from datetime import timedelta

import pytest

from moorage.domain import service as words
from moorage.domain.changes import Put
from moorage.domain.service import (
    DEPLOYMENTS_KEPT,
    CircuitBreaker,
    Deployment,
    PastDeployment,
    Rollout,
    Service,
    ServiceProgress,
)
from moorage.domain.world import World
from moorage.planning import rollout, service_plan
from worlds import CLUSTER, HOME, NOON, Counter, deployment, later, live, running, service, stopped, tasks, world_with
from worlds import rollout as rollout_of

KEY = (*HOME, CLUSTER, "web")


def step(world: World, names: Counter, now=NOON) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, now, names)
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def settle(world: World, names: Counter, now=NOON) -> World:
    """Plan, and let tasks become healthy and stop, until nothing changes."""
    for _ in range(20):
        before = world
        world = step(world, names, now)
        young = [Put(running(t, now)) for t, s in live(world) if s is None]
        ended = [Put(stopped(t, s, now)) for t, s in tasks(world) if t.stop and (s is None or s.status != "STOPPED")]
        world = world.apply([*young, *ended]) if young or ended else world
        if world is before:
            return world
    raise AssertionError("the plan does not settle")


def deploy(world: World, number: int, now=NOON) -> World:
    spec = world.get(Service, KEY)
    new = replace(deployment("web", number), created_at=now, replaces=spec.deployment_id)
    return world.apply([Put(new), Put(rollout_of(new)), Put(replace(spec, deployment_id=new.id))])


def message(world: World) -> str:
    return " ".join(event.message for event in world.get(ServiceProgress, KEY).events)


@pytest.mark.parametrize(
    ("breaker", "desired", "threshold"),
    [
        (CircuitBreaker(True), 1, 3),
        (CircuitBreaker(True), 100, 50),
        (CircuitBreaker(True), 1000, 200),
        (CircuitBreaker(True, threshold=10), 100, 10),
        (CircuitBreaker(True, threshold_type=words.UNBOUNDED_PERCENT, threshold=50), 1000, 500),
        (CircuitBreaker(True, threshold_type=words.UNBOUNDED_PERCENT, threshold=50), 1, 1),
        (CircuitBreaker(True, threshold_type=words.COUNT, threshold=7), 1000, 7),
    ],
)
def test_how_many_failures_break_the_circuit(breaker: CircuitBreaker, desired: int, threshold: int):
    assert rollout.breaker_threshold(desired, breaker) == threshold


def test_a_deployment_that_is_over_is_remembered_and_only_the_last_of_them():
    names = Counter()
    world = settle(world_with(service()), names)
    for number in range(2, DEPLOYMENTS_KEPT + 5):
        now = later(number * 60)
        world = settle(deploy(world, number, now), names, now)
    past = world.linked(PastDeployment, "service", KEY)
    assert [int(each.id[-19:]) for each in past] == list(range(4, DEPLOYMENTS_KEPT + 4))
    assert {each.rollout.state for each in past} == {words.COMPLETED}
    assert [d.id for d in world.linked(Deployment, "service", KEY)] == [world.get(Service, KEY).deployment_id]


def test_a_deployment_that_is_stopped_gives_way_to_one_like_the_last_that_completed():
    names = Counter()
    world = deploy(settle(world_with(service()), names), 2, later(1))
    world = step(world, names, later(1))
    world = world.apply([Put(replace(world.get(Service, KEY), stopped_deployment=deployment("web", 2).id))])
    world = settle(world, names, later(2))
    primary = world.get(Deployment, (*KEY, world.get(Service, KEY).deployment_id))
    assert primary.rolls_back == deployment("web", 2).id
    assert world.get(Rollout, primary.key).state == words.COMPLETED
    stopped_one = world.get(PastDeployment, deployment("web", 2).key)
    assert stopped_one.rollout.state == words.FAILED
    assert "a rollback was requested" in message(world)


def test_the_way_back_is_found_when_the_old_deployment_is_only_remembered():
    names = Counter()
    world = settle(world_with(service(desired=0)), names)
    world = step(deploy(world, 2, later(1)), names, later(1))
    assert world.get(Deployment, deployment("web", 1).key) is None
    state = world.get(Rollout, deployment("web", 2).key)
    spec = replace(world.get(Service, KEY), stopped_deployment=deployment("web", 2).id, desired_count=1)
    world = step(world.apply([Put(spec), Put(replace(state, state=words.IN_PROGRESS))]), names, later(2))
    primary = world.get(Deployment, (*KEY, world.get(Service, KEY).deployment_id))
    assert primary.rolls_back == deployment("web", 2).id


def unhealthy(world: World) -> World:
    """Let every task of the service fail its health checks."""
    sick = [Put(replace(running(task, healthy=False), health="UNHEALTHY")) for task, _ in live(world)]
    return world.apply(sick)


def test_tasks_that_fail_their_health_checks_break_the_circuit():
    names, now = Counter(), NOON
    spec = service(desired=1)
    guarded = replace(spec.deployment_configuration, breaker=CircuitBreaker(True))
    world = world_with(replace(spec, deployment_configuration=guarded))
    for _ in range(4):
        world = step(unhealthy(step(world, names, now)), names, now)
        now += timedelta(minutes=6)
    (state,) = world.linked(Rollout, "service", KEY)
    assert (state.state, state.failed_tasks) == (words.FAILED, 3)


@pytest.mark.parametrize(("reset", "failures"), [(True, 0), (False, 2)])
def test_a_task_that_becomes_healthy_makes_up_for_failures_unless_told_otherwise(reset: bool, failures: int):
    spec = service(desired=1)
    guarded = replace(spec.deployment_configuration, breaker=CircuitBreaker(True, reset=reset))
    world = world_with(replace(spec, deployment_configuration=guarded))
    (state,) = world.linked(Rollout, "service", KEY)
    world = settle(world.apply([Put(replace(state, failed_tasks=2))]), Counter())
    (state,) = world.linked(Rollout, "service", KEY)
    assert state.failed_tasks == failures
