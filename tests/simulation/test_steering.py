"""Hours of steering on virtual time: tasks are protected, deployments stopped, the machine drained, and requests go on.

A failing seed is printed in the test's name.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sim import CLIENT, SERVER, Simulation

from moorage.domain.capacity import ACTIVE, DRAINING, ContainerInstance
from moorage.domain.changes import Put
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Task
from moorage.runtime.faults import Odds
from worlds import CLUSTER, HOME, NOON

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

NASTY = Odds(outage=0.01, lost_answer=0.01, delay=0.05, longest_delay=0.3, lost_nudge=0.1, doubled_nudge=0.1)
SEEDS = [pytest.param(seed, id=f"seed-{seed}") for seed in range(15)]


@contextlib.asynccontextmanager
async def running(simulation: Simulation) -> AsyncIterator[Simulation]:
    """The engine and the client's traffic, from when everybody serves."""
    simulation.engine.start()
    sender: asyncio.Task[None] | None = None
    try:
        await simulation.until(lambda: simulation.settled() and bool(simulation.serving(CLIENT)))
        await simulation.until(lambda: bool(simulation.proxies.endpoints(simulation.serving(CLIENT)[0].id)))
        sender = asyncio.create_task(simulation.send_requests())
        yield simulation
    finally:
        if sender is not None:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        await simulation.engine.pause()


def stop_of(simulation: Simulation, task: Task) -> timedelta | None:
    """How long after its protection ended a task was stopped; None while it was not."""
    found = simulation.store.snapshot().get(Task, task.key)
    if found is None or found.stop is None or found.protected_until is None:
        return None
    return found.stop.at - found.protected_until


@pytest.mark.parametrize("seed", SEEDS)
async def test_protected_tasks_stay_while_all_around_them_is_replaced(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.05)) as simulation:
        until = simulation.clock.now() + timedelta(seconds=120)
        safe = [replace(task, protected_until=until) for task in simulation.serving()[:2]]
        await simulation.store.commit([Put(task) for task in safe], {})
        await simulation.deploy()
        await asyncio.sleep(simulation.random.uniform(0, 40))
        await simulation.scale(simulation.random.randint(1, 4))
        await asyncio.sleep(60)
        assert {task.id for task in safe} <= {task.id for task in simulation.serving()}
        await simulation.until(simulation.settled)
        assert all(stop_of(simulation, task) >= timedelta(0) for task in safe)
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_request_fails_when_deployments_are_stopped_on_their_way(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.05)) as simulation:
        for _ in range(3):
            await simulation.deploy()
            await asyncio.sleep(simulation.random.uniform(0, 6))
            spec = simulation.store.snapshot().get(Service, SERVER)
            await simulation.store.commit([Put(replace(spec, stopped_deployment=spec.deployment_id))], {})
            await simulation.until(simulation.settled)
        assert simulation.requests.failures == []
        assert simulation.requests.answered > 100


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_request_fails_while_the_machine_drains_to_the_floor_and_comes_back(seed):
    simulation = Simulation(seed, odds=NASTY, stale=0.05, desired=4, percents=(50, 200))
    first = simulation.store.snapshot().linked(Deployment, "service", SERVER)[0]
    machine = ContainerInstance(*HOME, CLUSTER, NOON)
    await simulation.store.commit([Put(replace(first, launch_type="EC2")), Put(machine)], {})
    async with running(simulation):
        await simulation.store.commit([Put(replace(machine, status=DRAINING))], {})
        await simulation.until(lambda: len(simulation.serving()) == 2)
        await asyncio.sleep(60)
        assert len(simulation.serving()) == 2
        await simulation.store.commit([Put(replace(machine, status=ACTIVE))], {})
        await simulation.until(simulation.settled)
        assert simulation.requests.failures == []
