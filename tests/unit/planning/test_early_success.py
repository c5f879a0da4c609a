"""Early success criteria: a deployment completes once enough of its tasks are healthy, and is finished afterwards."""

from dataclasses import replace

import pytest

from moorage.domain.changes import Put
from moorage.domain.errors import InvalidParameter
from moorage.domain.service import COMPLETED, IN_PROGRESS, DeploymentConfiguration, EarlySuccess, Rollout, Service
from moorage.domain.service_rules import deployment_configuration
from moorage.domain.world import World
from moorage.planning import service_plan
from worlds import CLUSTER, HOME, NOON, Counter, deployment, healthy, live, rollout, running, service, stopped, tasks
from worlds import world_with as world_of

KEY = (*HOME, CLUSTER, "web")
OLD, NEW = deployment("web", 1), replace(deployment("web", 2), replaces=deployment("web", 1).id)


class Later(Counter):
    """Ids that no earlier step drew."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._next = 1000 * world.sequence


def rolling(deferred: bool) -> World:
    """Four healthy tasks of OLD, and NEW to take their place at half success."""
    spec = service(desired=4, minimum=50, maximum=100)
    world = world_of(spec, OLD)
    world = ran(step(world), 4)
    configuration = replace(spec.deployment_configuration, early=EarlySuccess(True, 50, deferred))
    spec = replace(spec, deployment_configuration=configuration, deployment_id=NEW.id)
    return world.apply([Put(rollout(OLD, COMPLETED)), Put(spec), Put(NEW), Put(rollout(NEW))])


def step(world: World) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, NOON, Later(world))
    return world.apply(plan.writes)


def ran(world: World, count: int) -> World:
    """So many young tasks become healthy; those that were told to stop have stopped."""
    young = [Put(running(task, NOON)) for task, state in live(world) if state is None][:count]
    ended = [Put(stopped(t, s, NOON)) for t, s in tasks(world) if t.stop and not (s and s.stopped_at)]
    return world.apply([*young, *ended])


def state(world: World) -> str:
    return world.get(Rollout, NEW.key).state


def test_deferred_it_completes_while_old_tasks_are_there_and_they_go_afterwards() -> None:
    world = step(ran(step(step(rolling(deferred=True))), 2))
    assert state(world) == COMPLETED
    assert any(task.deployment_id == OLD.id and not state.stopped_at for task, state in tasks(world) if state)
    for _ in range(6):
        world = ran(step(world), 4)
    assert {task.deployment_id for task, _ in live(world)} == {NEW.id}
    assert healthy(world) == 4


def test_blocking_it_waits_for_the_old_tasks_to_go() -> None:
    world = step(ran(step(step(rolling(deferred=False))), 2))
    assert state(world) == IN_PROGRESS
    world = ran(world, 0)
    assert state(step(world)) == COMPLETED
    assert healthy(world) == 2, "the rest is started in the background"


def test_too_few_healthy_tasks_are_no_success() -> None:
    assert state(step(ran(step(step(rolling(deferred=True))), 1))) == IN_PROGRESS


@pytest.mark.parametrize(
    "document", [{"enable": True}, {"enable": True, "healthyPercent": 40, "sourceServiceRevisionCleanup": "BLOCKING"}]
)
def test_criteria_are_whole_and_not_below_the_floor(document: dict[str, object]) -> None:
    with pytest.raises(InvalidParameter, match="healthyPercent"):
        deployment_configuration(
            {"minimumHealthyPercent": 50, "earlySuccessCriteria": document}, DeploymentConfiguration()
        )
