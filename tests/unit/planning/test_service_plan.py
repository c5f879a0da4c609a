"""One step of a service at a time: never below the floor, never above the ceiling, and it gets there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain import service as words
from moorage.domain.changes import Delete, Put
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.impossible import contradictions
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.service import CircuitBreaker, Deployment, Rollout, Service, ServiceProgress
from moorage.domain.task import Status, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import registration, rollout, service_plan
from worlds import (
    CLUSTER,
    HOME,
    NAMESPACE,
    NOON,
    Counter,
    crashed,
    deployment,
    exposing,
    healthy,
    later,
    live,
    running,
    service,
    stopped,
    tasks,
    world_with,
)
from worlds import rollout as rollout_of

KEY = (*HOME, CLUSTER, "web")


class Counter2(Counter):
    """Ids that do not meet those of the first counter."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 1000


def step(world: World, now=NOON, names=None) -> World:
    spec = world.get(Service, KEY)
    plan = service_plan.plan(spec, world, now, names or Counter())
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def all_healthy(world: World, now=NOON) -> World:
    return world.apply([Put(running(t, now)) for t, s in live(world) if s is None or s.healthy_at is None])


def let_stop(world: World, now=NOON) -> World:
    return world.apply(
        [Put(stopped(t, s, now)) for t, s in tasks(world) if t.stop and (not s or s.status != "STOPPED")]
    )


def new_deployment(world: World, number: int, now=NOON) -> World:
    spec = world.get(Service, KEY)
    following = replace(deployment("web", number), created_at=now, replaces=spec.deployment_id)
    return world.apply([Put(following), Put(rollout_of(following)), Put(replace(spec, deployment_id=following.id))])


def steady(desired: int = 2, **more: int) -> World:
    names = Counter()
    world = all_healthy(step(world_with(service(desired=desired, **more)), names=names))
    return step(world, names=names)


def test_a_new_service_starts_its_desired_count():
    world = step(world_with(service(desired=3)))
    assert len(live(world)) == 3
    assert "has started 3 tasks" in world.get(ServiceProgress, KEY).events[0].message


def test_a_finished_service_plans_nothing():
    world = steady()
    plan = service_plan.plan(world.get(Service, KEY), world, later(5), Counter())
    assert plan.writes == ()


def test_a_service_that_is_up_says_so_once_and_completes_its_deployment():
    world = steady()
    messages = [event.message for event in world.get(ServiceProgress, KEY).events]
    assert messages[0] == "(service web) has reached a steady state."
    assert sum("steady state" in message for message in messages) == 1
    (state,) = world.linked(Rollout, "service", KEY)
    assert state.state == words.COMPLETED


def test_old_tasks_keep_serving_until_new_ones_are_healthy():
    names = Counter2()
    world = step(new_deployment(steady(), 2), names=names)
    olds = [t for t, _ in live(world) if t.deployment_id.endswith("1")]
    assert len(olds) == 2
    assert len(live(world)) == 4
    world = step(all_healthy(world), names=names)
    assert [t.deployment_id[-1] for t, _ in live(world)] == ["2", "2"]


def test_the_old_deployment_disappears_when_its_last_task_has_stopped():
    names = Counter2()
    world = step(all_healthy(step(new_deployment(steady(), 2), names=names)), names=names)
    assert len(world.linked(Deployment, "service", KEY)) == 2
    world = step(let_stop(world), names=names)
    assert [d.id[-1] for d in world.linked(Deployment, "service", KEY)] == ["2"]


def test_a_dead_task_is_replaced_at_once():
    world = steady()
    task, state = tasks(world)[0]
    world = step(world.apply([Put(crashed(task, state, later(60)))]), later(60), Counter2())
    assert len(live(world)) == 2


def test_tasks_that_keep_failing_are_started_ever_more_slowly():
    names, world, now, waits = Counter(), world_with(service(desired=1)), NOON, []
    for _ in range(6):
        plan = service_plan.plan(world.get(Service, KEY), world, now, names)
        world = world.apply(plan.writes)
        while not live(world):
            assert plan.wake is not None
            waits.append(plan.wake)
            now += plan.wake
            plan = service_plan.plan(world.get(Service, KEY), world, now, names)
            world = world.apply(plan.writes)
        ((task, state),) = live(world)
        world = world.apply([Put(crashed(task, state, now))])
    assert waits == [timedelta(seconds=s) for s in (1, 2, 4, 8)]


def test_a_rollout_without_room_says_why():
    world = new_deployment(steady(desired=1, minimum=100, maximum=100), 2)
    world = step(world)
    assert "no room to move" in world.get(ServiceProgress, KEY).events[0].message
    assert "no room to move" in world.get(Rollout, deployment("web", 2).key).blocked
    assert healthy(world) == 1


def test_a_task_whose_check_has_not_said_healthy_completes_no_deployment_though_traffic_reaches_it():
    world = step(world_with(service(desired=1)))
    (task, _), *_ = tasks(world)
    definition = world.get(TaskDefinition, task.task_definition)
    app = {**definition.document["containerDefinitions"][0], "healthCheck": {"command": ["CMD-SHELL", "check"]}}
    checked = replace(definition, document={**definition.document, "containerDefinitions": [app]})
    world = world.apply([Put(checked)])
    reached = replace(running(task, NOON), health="UNKNOWN")
    world = step(world.apply([Put(reached)]))
    assert world.get(Rollout, deployment("web", 1).key).state == words.IN_PROGRESS
    world = step(world.apply([Put(replace(reached, health="HEALTHY"))]))
    assert world.get(Rollout, deployment("web", 1).key).state == words.COMPLETED


def test_the_grace_period_overlooks_an_unhealthy_task():
    world = steady()
    world = world.apply([Put(replace(world.get(Service, KEY), health_check_grace_period=60))])
    _, state = tasks(world)[0]
    world = world.apply([Put(replace(state, health="UNHEALTHY"))])
    plan = service_plan.plan(world.get(Service, KEY), world, later(20), Counter2())
    assert not any(getattr(w.record, "stop", None) for w in plan.writes if isinstance(w, Put))
    assert plan.wake == timedelta(seconds=40)


def test_the_circuit_breaker_stops_a_deployment_that_cannot_start_and_rolls_back():
    world = steady()
    spec = world.get(Service, KEY)
    guarded = replace(spec.deployment_configuration, breaker=CircuitBreaker(True, rollback=True))
    world = new_deployment(world.apply([Put(replace(spec, deployment_configuration=guarded))]), 2)
    names, now = Counter2(), NOON
    for _ in range(12):
        world = step(world, now, names)
        fresh = [(t, s) for t, s in live(world) if t.deployment_id.endswith("2")]
        world = world.apply([Put(crashed(t, s, now)) for t, s in fresh])
        now += timedelta(minutes=6)
    states = {r.id[-1]: r.state for r in world.linked(Rollout, "service", KEY)}
    messages = " ".join(event.message for event in world.get(ServiceProgress, KEY).events)
    assert "deployment failed: tasks failed to start" in messages
    assert "rolling back to" in messages
    assert world.get(Service, KEY).deployment_id not in {deployment("web", 2).id, deployment("web", 1).id}
    assert words.COMPLETED in states.values() or words.IN_PROGRESS in states.values()


def test_a_roll_back_brings_back_the_names_that_the_failed_deployment_gave_up():
    spec = service()
    records, first = exposing(spec)
    endpoint = next(record for record in records if isinstance(record, ConnectEndpoint))
    guarded = replace(spec.deployment_configuration, breaker=CircuitBreaker(True, rollback=True))
    failed = replace(deployment("web", 2), connect={"enabled": True}, namespace_id=NAMESPACE, replaces=first.id)
    now_primary = replace(spec, deployment_id=failed.id, deployment_configuration=guarded)
    rollouts = [rollout_of(first, words.COMPLETED), replace(rollout_of(failed), failed_tasks=3)]
    world = world_with(now_primary, first, failed).apply([Put(r) for r in [*records, *rollouts]])
    world = world.apply([Delete(ConnectEndpoint.table, endpoint.key)])
    world = step(world, later(60))
    assert world.get(ConnectEndpoint, endpoint.key) == endpoint
    primary = world.get(Deployment, (*KEY, world.get(Service, KEY).deployment_id))
    assert [name.endpoint for name in primary.known] == [endpoint]
    assert not contradictions(world)


def test_a_cloud_map_service_that_no_name_needs_goes_with_its_last_instance():
    spec = service()
    records, first = exposing(spec)
    world = all_healthy(step(world_with(spec, first).apply([Put(record) for record in records])))
    world = world.apply(registration.plan(spec, world, NOON))
    world = world.apply([Delete("connect_endpoint", record.key) for record in world.all(ConnectEndpoint)])
    world = step(step(world, later(1), Counter2()), later(1), Counter2())
    assert list(world.all(RegistryService))
    world = world.apply([Delete(Instance.table, instance.key) for instance in world.all(Instance)])
    world = step(world, later(2), Counter2())
    assert not list(world.all(RegistryService))


def test_deleting_stops_every_task_and_then_releases_the_names():
    spec = service()
    records, first = exposing(spec)
    world = world_with(spec, first).apply([Put(record) for record in records])
    world = all_healthy(step(world))
    world = world.apply(registration.plan(spec, world, NOON))
    assert len(list(world.all(Instance))) == 2
    world = world.apply([Put(replace(spec, desired_count=0, deleted_at=NOON))])
    world = step(world, names=Counter2())
    assert not live(world)
    assert world.get(ServiceProgress, KEY).inactive_at is None
    world = step(let_stop(world), later(30), Counter2())
    assert world.get(ServiceProgress, KEY).inactive_at == later(30)
    assert not list(world.all(Instance))
    assert not world.linked(Deployment, "service", KEY)


def test_only_tasks_that_serve_are_registered():
    spec = service()
    records, first = exposing(spec)
    world = step(world_with(spec, first).apply([Put(record) for record in records]))
    assert registration.plan(spec, world, NOON) == []
    world = all_healthy(world)
    world = world.apply(registration.plan(spec, world, NOON))
    assert {i.attributes["AWS_INSTANCE_PORT"] for i in world.all(Instance)} == {"5000"}
    assert registration.plan(spec, world, later(1)) == []
    task, state = tasks(world)[0]
    world = world.apply([Put(crashed(task, state, later(2)))])
    world = world.apply(registration.plan(spec, world, later(2)))
    assert [i.task_id for i in world.all(Instance)] == [tasks(world)[1][0].id]


percentages = st.tuples(st.integers(0, 100), st.integers(100, 300))


@settings(max_examples=150, deadline=None)
@given(desired=st.integers(0, 7), percent=percentages, data=st.data())
def test_a_rolling_update_keeps_the_floor_and_the_ceiling_and_gets_there(desired, percent, data):
    minimum, maximum = percent
    names = Counter()
    world = step(world_with(service(desired=desired, minimum=minimum, maximum=maximum)), names=names)
    world = new_deployment(step(all_healthy(world), names=names), 2)
    spec = world.get(Service, KEY)
    least = rollout.floor_of(desired, spec.deployment_configuration)
    most = rollout.ceiling_of(desired, spec.deployment_configuration)
    for _ in range(60):
        before = healthy(world)
        world = step(world, names=names)
        assert healthy(world) >= min(before, least)
        assert len(live(world)) <= max(most, desired)
        waiting = [(t, s) for t, s in tasks(world) if (s is None or not s.healthy_at) and not stop_of(t, s)]
        ending = [(t, s) for t, s in tasks(world) if t.stop and (s is None or s.status is not Status.STOPPED)]
        up = data.draw(st.integers(0, len(waiting))) if waiting else 0
        down = data.draw(st.integers(0, len(ending))) if ending else 0
        world = world.apply([Put(running(t)) for t, _ in waiting[:up]])
        world = world.apply([Put(stopped(t, s, NOON)) for t, s in ending[:down]])
    for _ in range(2 * desired + 4):
        world = let_stop(all_healthy(step(world, names=names)))
    blocked = world.get(Rollout, deployment("web", 2).key).blocked
    assert blocked or [t.deployment_id[-1] for t, _ in live(world)] == ["2"] * desired


@given(st.permutations(range(6)))
def test_the_order_in_which_tasks_were_written_changes_nothing(order):
    world = steady(desired=6)
    found = tasks(world)
    shuffled = World.empty().apply(
        [
            Put(r)
            for table in ("task_definition", "service", "service_progress", "deployment", "rollout")
            for r in world.tables[table].values()
        ]
    )
    for index in order:
        shuffled = shuffled.apply([Put(found[index][0]), Put(found[index][1])])
    scaled = replace(world.get(Service, KEY), desired_count=3)
    plans = [service_plan.plan(scaled, w.apply([Put(scaled)]), later(9), Counter2()).writes for w in (world, shuffled)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "floor", "ceiling"),
    [(4, 100, 200, 4, 8), (4, 50, 100, 2, 4), (1, 50, 150, 1, 1), (3, 33, 133, 1, 3), (0, 100, 200, 0, 0)],
)
def test_percentages_round_as_ecs_rounds_them(desired, minimum, maximum, floor, ceiling):
    spec = service(minimum=minimum, maximum=maximum).deployment_configuration
    assert rollout.floor_of(desired, spec) == floor
    assert rollout.ceiling_of(desired, spec) == ceiling
