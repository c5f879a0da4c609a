"""Names that come and go while tasks run, on virtual time: they reach live services within a second, and no others."""

import asyncio
from dataclasses import replace

import pytest
from sim import CLIENT, SERVER, Simulation
from stories import NASTY, running

from moorage.domain import arns
from moorage.domain.changes import Delete, Put
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import HTTP, RegistryService
from moorage.domain.service import Service
from moorage.planning import exposure
from worlds import HOME, NAMESPACE, NOON

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

SEEDS = range(6)
LATER = ConnectEndpoint(
    *HOME, NAMESPACE, "later", "srv-later", "later.demo", 80, "later", 6000, 6000, "http", 300, 15, SERVER
)


REGISTRY = RegistryService(*HOME, "srv-later", "later", NAMESPACE, HTTP, NOON, managed_by=arns.service(*SERVER))
CLAIMS = (exposure.alias_claim(LATER), REGISTRY.claim())


async def exposed(simulation: Simulation) -> None:
    """As if the server exposed one more name."""
    await simulation.store.commit([Put(record) for record in (LATER, REGISTRY, *CLAIMS)], {})


async def withdrawn(simulation: Simulation) -> None:
    await simulation.store.commit([Delete(record.table, record.key) for record in (LATER, REGISTRY, *CLAIMS)], {})


async def made_live(simulation: Simulation) -> None:
    client = simulation.store.snapshot().get(Service, CLIENT)
    await simulation.store.commit([Put(replace(client, tags={"moorage:names": "live"}))], {})


def names(simulation: Simulation, key: tuple[str, ...]) -> list[set[str]]:
    return [set(simulation.runtime.names(task.id)) for task in simulation.serving(key)]


def seen(simulation: Simulation, *aliases: str) -> bool:
    return names(simulation, CLIENT) == [set(aliases)]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_name_reaches_live_tasks_within_a_second_and_leaves_them(seed: int) -> None:
    async with running(Simulation(seed)) as simulation:
        await made_live(simulation)
        assert seen(simulation, "web.demo")
        await exposed(simulation)
        await simulation.until(lambda: seen(simulation, "web.demo", "later.demo"), within=1)
        assert all(found == {"web.demo"} for found in names(simulation, SERVER))
        await withdrawn(simulation)
        await simulation.until(lambda: seen(simulation, "web.demo"), within=1)
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_name_is_never_in_a_task_before_its_proxy_takes_traffic_for_it(seed: int) -> None:
    async with running(Simulation(seed), traffic=False) as simulation:
        await made_live(simulation)
        (task,) = simulation.serving(CLIENT)
        await exposed(simulation)
        for _ in range(400):
            known = simulation.runtime.names(task.id)
            if "later.demo" in known:
                taken = {(each.alias, each.vip) for each in simulation.proxies.acknowledged[task.id].upstreams}
                assert ("later.demo", known["later.demo"]) in taken
                return
            await asyncio.sleep(0.005)
        pytest.fail("the name never came")


@pytest.mark.parametrize("seed", SEEDS)
async def test_names_come_whatever_fails_and_though_the_daemon_is_killed(seed: int) -> None:
    async with running(Simulation(seed, odds=NASTY, stale=0.05), traffic=False) as simulation:
        await made_live(simulation)
        await exposed(simulation)
        await asyncio.sleep(simulation.random.uniform(0, 0.1))
        await simulation.restart_daemon()
        await simulation.until(lambda: seen(simulation, "web.demo", "later.demo"), within=60)


async def test_a_service_that_is_live_no_more_keeps_what_it_knows() -> None:
    async with running(Simulation(0), traffic=False) as simulation:
        await made_live(simulation)
        await exposed(simulation)
        await simulation.until(lambda: seen(simulation, "web.demo", "later.demo"), within=1)
        client = simulation.store.snapshot().get(Service, CLIENT)
        await simulation.store.commit([Put(replace(client, tags={}))], {})
        await withdrawn(simulation)
        await asyncio.sleep(5)
        assert seen(simulation, "web.demo", "later.demo")
