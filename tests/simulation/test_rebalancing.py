"""Zones that protection left uneven are evened out under traffic, within floor and ceiling, and then all rests."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sim import SERVER, Simulation
from stories import NASTY, running
from test_rollouts import Bounds

from moorage.domain.changes import Put
from moorage.domain.network import Subnet
from moorage.domain.service import Service, ServiceProgress

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

SUBNETS = (Subnet("subnet-1", "a"), Subnet("subnet-2", "b"))
PROTECTED = timedelta(seconds=90)


def zones(simulation: Simulation) -> Counter[str]:
    return Counter(task.availability_zone for task in simulation.serving())


async def skew(simulation: Simulation, kept: int) -> None:
    """Scale in to the tasks of one zone, which are protected for a while."""
    until = simulation.clock.now() + PROTECTED
    chosen = [task for task in simulation.serving() if task.availability_zone == "a"][:kept]
    await simulation.store.commit([Put(replace(task, protected_until=until)) for task in chosen], {})
    await simulation.scale(kept)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("percents", [(100, 200), (100, 134), (50, 150)])
async def test_uneven_zones_are_evened_out_when_protection_ends_and_no_request_fails(seed, percents):
    simulation = Simulation(seed, odds=NASTY, stale=0.05, desired=6, percents=percents, subnets=SUBNETS)
    async with running(simulation):
        assert zones(simulation) == {"a": 3, "b": 3}
        await skew(simulation, 3)
        await simulation.until(simulation.settled)
        assert zones(simulation) == {"a": 3}
        bounds = Bounds(simulation)
        await simulation.until(lambda: max(zones(simulation).values()) == 2 and simulation.settled())
        told = simulation.store.snapshot().get(ServiceProgress, SERVER)
        await simulation.until(lambda: simulation.store.snapshot().get(ServiceProgress, SERVER).steady)
        commits = simulation.store.snapshot().get(ServiceProgress, SERVER).events
        before = {task.id for task in simulation.serving()}
        await asyncio.sleep(300)
        assert {task.id for task in simulation.serving()} == before
        assert simulation.store.snapshot().get(ServiceProgress, SERVER).events == commits
        assert any("to AZ Rebalance" in event.message for event in told.events)
        assert bounds.crossed == []
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", range(3))
async def test_deployments_and_scaling_in_the_midst_of_it_end_in_balance_too(seed):
    simulation = Simulation(seed, odds=NASTY, stale=0.1, desired=6, subnets=SUBNETS)
    async with running(simulation):
        await skew(simulation, 3)
        await asyncio.sleep(PROTECTED.total_seconds() + simulation.random.uniform(0, 5))
        await (simulation.deploy() if simulation.random.random() < 0.5 else simulation.scale(5))
        await asyncio.sleep(simulation.random.uniform(0, 10))
        await simulation.restart_daemon()
        wanted = simulation.store.snapshot().get(Service, SERVER).desired_count
        await simulation.until(lambda: simulation.settled() and max(zones(simulation).values()) == (wanted + 1) // 2)
        assert simulation.requests.failures == []
