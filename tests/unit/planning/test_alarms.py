"""Alarms of a deployment: which count, how long it bakes, and what follows when one goes off."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.changes import Put
from moorage.domain.service import COMPLETED, FAILED, IN_PROGRESS, Alarms, Rollout, Service, ServiceProgress
from moorage.domain.world import World
from moorage.planning import alarms, service_plan
from worlds import CLUSTER, HOME, NOON, Counter, deployment, later, live, rollout, running, service, world_with

KEY = (*HOME, CLUSTER, "web")
OLD, NEW = deployment("web", 1), replace(deployment("web", 2), replaces=deployment("web", 1).id)


def alarm(name: str = "errors", state: str = "OK", **more: Any) -> dict[str, Any]:
    return {"AlarmName": name, "StateValue": state, "Period": 60, "EvaluationPeriods": 2, **more}


def watched(rollback: bool = True, enabled: bool = True, bake: int | None = None) -> World:
    """A service on its way to NEW, which runs already, with the alarm `errors`; OLD had completed."""
    spec = service(desired=1)
    configuration = replace(
        spec.deployment_configuration, alarms=Alarms(("errors",), enabled, rollback), bake_minutes=bake
    )
    spec = replace(spec, deployment_configuration=configuration, deployment_id=NEW.id)
    world = world_with(spec, OLD, NEW).apply([Put(rollout(OLD, COMPLETED))])
    world = step(world)
    return world.apply([Put(running(task, NOON)) for task, _ in live(world)])


def step(world: World, seconds: float = 0) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, later(seconds), Counter())
    return world.apply(plan.writes) if plan.writes else world


def seen(world: World, *described: dict[str, Any]) -> World:
    return world.apply([Put(alarms.look(NEW, world.get(AlarmWatch, NEW.key), described))])


def state(world: World, of: Any = NEW) -> Rollout:
    return world.get(Rollout, of.key)


def events(world: World) -> list[str]:
    return [event.message for event in world.get(ServiceProgress, KEY).events]


def test_a_deployment_waits_until_its_alarms_were_looked_at_and_have_judged() -> None:
    world = step(watched(), 1)
    assert state(world).state == IN_PROGRESS
    world = step(seen(world, alarm()), 2)
    plan = service_plan.plan(world.get(Service, KEY), world, later(3), Counter())
    assert plan.wake == timedelta(seconds=118)
    assert state(step(world, 120)).state == IN_PROGRESS
    assert state(step(world, 121)).state == COMPLETED


def test_an_alarm_fails_the_deployment_and_brings_the_last_completed_one_back() -> None:
    world = step(seen(seen(step(watched()), alarm()), alarm(state="ALARM")), 5)
    assert (state(world).state, state(world).reason) == (FAILED, "ECS deployment alarms: alarm detected.")
    assert state(world).triggered == ("errors",)
    told = events(world)
    assert f"(service web) (deployment {NEW.id}) deployment failed: alarm detected." in told
    assert f"(service web) rolling back to deployment {OLD.id}." in told
    back = world.get(Service, KEY).deployment_id
    assert back not in (OLD.id, NEW.id)
    reason = world.get(Rollout, (*KEY, back)).reason
    assert reason == f"ECS deployment alarms: rolling back to deploymentId {OLD.id}."


def test_without_rollback_the_failed_deployment_stays() -> None:
    world = step(seen(seen(step(watched(rollback=False)), alarm()), alarm(state="ALARM")), 5)
    assert state(world).state == FAILED
    assert world.get(Service, KEY).deployment_id == NEW.id


def test_an_alarm_counts_while_the_deployment_bakes() -> None:
    world = step(seen(step(watched()), alarm()), 60)
    assert state(world).state == IN_PROGRESS
    assert state(step(seen(world, alarm(state="ALARM")), 90)).state == FAILED


def test_alarms_do_not_count_when_one_was_off_as_the_deployment_began() -> None:
    world = seen(step(watched()), alarm(state="ALARM"))
    world = seen(world, alarm(state="OK"))
    world = step(seen(world, alarm(state="ALARM")), 1)
    assert state(world).state == COMPLETED


def test_alarms_that_are_not_enabled_hold_nothing_up() -> None:
    assert state(step(watched(enabled=False))).state == COMPLETED


def test_a_bake_time_that_is_given_goes_before_that_of_the_alarms() -> None:
    world = step(seen(step(watched(bake=0)), alarm()))
    assert state(world).state == COMPLETED
    world = step(seen(step(watched(bake=10)), alarm()))
    assert state(step(world, 599)).state == IN_PROGRESS
    assert state(step(world, 600)).state == COMPLETED


@pytest.mark.parametrize(
    ("described", "seconds"),
    [
        ([], 0),
        ([alarm()], 120),
        ([alarm(), alarm("b", Period=300, EvaluationPeriods=1)], 300),
        ([{"AlarmName": "c", "StateValue": "OK", "AlarmRule": "ALARM(x)"}], 0),
        (
            [
                {
                    "AlarmName": "m",
                    "StateValue": "OK",
                    "EvaluationPeriods": 3,
                    "Metrics": [{"Id": "e"}, {"Id": "m", "MetricStat": {"Period": 30}}],
                }
            ],
            90,
        ),
    ],
)
def test_alarms_bake_as_long_as_they_take_to_judge(described: list[dict[str, Any]], seconds: int) -> None:
    assert alarms.look(NEW, None, described).bake_seconds == seconds


def test_only_a_deployment_under_way_is_watched() -> None:
    world = watched()
    spec = world.get(Service, KEY)
    assert alarms.watched(world, spec) == NEW
    assert alarms.watched(world.apply([Put(rollout(NEW, COMPLETED))]), spec) is None
    assert alarms.watched(world, replace(spec, deleted_at=NOON)) is None
    assert alarms.watched(world_with(service()), service()) is None
