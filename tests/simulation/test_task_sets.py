"""An external controller moves its task sets for a while: tasks crash, answers are lost, the daemon dies, and each set
comes to its count. Alarms of deployments, too, on virtual time: one goes off at any moment, and no request fails.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sim import CLIENT, SERVER, Simulation

from moorage.domain.changes import Put
from moorage.domain.service import COMPLETED, EXTERNAL, FAILED, Alarms, Deployment, Rollout, Service, ServiceProgress
from moorage.domain.task_set import STABILIZING, STEADY_STATE, TaskSet
from moorage.runtime.faults import Odds
from worlds import CLUSTER, HOME, NOON, deployment, rollout, service

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

NASTY = Odds(outage=0.01, lost_answer=0.01, delay=0.05, longest_delay=0.3, lost_nudge=0.1, doubled_nudge=0.1)
SEEDS = [pytest.param(seed, id=f"seed-{seed}") for seed in range(10)]
BATCH = (*HOME, CLUSTER, "batch")


def with_sets(simulation: Simulation, count: int) -> list[Any]:
    """The records of the service `batch` with the controller EXTERNAL, and of `count` task sets."""
    spec = replace(service("batch", 5), controller=EXTERNAL, deployment_id="")
    records: list[Any] = [spec, ServiceProgress(*BATCH)]
    for number in range(1, count + 1):
        made_from = deployment("batch", number)
        records += [made_from, replace(rollout(made_from), state=STABILIZING)]
        records.append(TaskSet(*BATCH, made_from.id, NOON, NOON, scale=simulation.random.uniform(0, 100)))
    return records


def at_rest(simulation: Simulation) -> bool:
    """Every task set that is not deleted runs its count and says that it is stable; the deleted ones are gone."""
    world = simulation.store.snapshot()
    spec = world.get(Service, BATCH)
    sets = world.linked(TaskSet, "service", BATCH)
    serving = [task.deployment_id for task in simulation.serving(BATCH)]
    return all(
        one.deleted_at is None
        and serving.count(one.id) == one.desired_count(spec.desired_count)
        and world.get(Rollout, one.key).state == STEADY_STATE
        for one in sets
    )


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_task_set_comes_to_its_count_whatever_dies(seed: int) -> None:
    simulation = Simulation(seed, odds=NASTY, stale=0.05)
    await simulation.store.commit([Put(record) for record in with_sets(simulation, 3)], {})
    simulation.engine.start()
    try:
        await simulation.until(lambda: at_rest(simulation))
        for turn in range(4):
            sets = simulation.store.snapshot().linked(TaskSet, "service", BATCH)
            chosen = simulation.random.choice(sets)
            gone = simulation.clock.now() if turn == 3 else None
            changed = replace(chosen, scale=simulation.random.uniform(0, 100), deleted_at=gone)
            await simulation.store.commit([Put(changed)], {})
            for task in simulation.serving(BATCH)[:1]:
                simulation.runtime.crash(task.id, "app")
            await asyncio.sleep(simulation.random.uniform(0, 3))
            if simulation.random.random() < 0.5:
                await simulation.restart_daemon()
            await simulation.until(lambda: at_rest(simulation))
        assert len(simulation.store.snapshot().linked(Deployment, "service", BATCH)) == 2
    finally:
        await simulation.engine.pause()


class Clouds:
    """CloudWatch with one alarm, as the Operations port reaches it."""

    def __init__(self) -> None:
        self.state = "OK"

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (service, operation, arguments["AlarmNames"]) == ("cloudwatch", "DescribeAlarms", ["errors"])
        alarm = {"AlarmName": "errors", "StateValue": self.state, "Period": 10, "EvaluationPeriods": 3}
        return {"MetricAlarms": [alarm]}


@contextlib.asynccontextmanager
async def asked(simulation: Simulation) -> AsyncIterator[None]:
    """The engine and the client's traffic, from when everybody serves."""
    simulation.engine.start()
    sender: asyncio.Task[None] | None = None
    try:
        await simulation.until(lambda: simulation.settled() and bool(simulation.serving(CLIENT)))
        await simulation.until(lambda: bool(simulation.proxies.endpoints(simulation.serving(CLIENT)[0].id)))
        sender = asyncio.create_task(simulation.send_requests())
        yield
    finally:
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        await simulation.engine.pause()


def rollout_of(simulation: Simulation, deployment_id: str) -> str:
    found = simulation.store.snapshot().get(Rollout, (*SERVER, deployment_id))
    return found.state if found is not None else ""


@pytest.mark.parametrize("seed", SEEDS[:6])
async def test_an_alarm_at_any_moment_rolls_back_without_a_failed_request(seed: int) -> None:
    clouds = Clouds()
    simulation = Simulation(seed, odds=NASTY, stale=0.05, operations=clouds)
    async with asked(simulation):
        spec = simulation.store.snapshot().get(Service, SERVER)
        watched = replace(spec.deployment_configuration, alarms=Alarms(("errors",), enabled=True, rollback=True))
        await simulation.store.commit([Put(replace(spec, deployment_configuration=watched))], {})
        await simulation.until(lambda: rollout_of(simulation, spec.deployment_id) == COMPLETED)
        await simulation.deploy()
        failing = simulation.store.snapshot().get(Service, SERVER).deployment_id
        await asyncio.sleep(simulation.random.uniform(2, 30))
        if simulation.random.random() < 0.5:
            await simulation.restart_daemon()
        clouds.state = "ALARM"
        await simulation.until(lambda: rollout_of(simulation, failing) in (FAILED, ""))
        clouds.state = "OK"
        await simulation.until(simulation.settled)
        back = simulation.store.snapshot().get(Service, SERVER).deployment_id
        assert back not in (failing, spec.deployment_id)
        await simulation.until(lambda: rollout_of(simulation, back) == COMPLETED)
        assert simulation.requests.failures == []
