"""Hours of a service's life on virtual time: rolled, scaled, crashed, its runtime and its daemon failing at random.

A failing seed is printed in the test's name; `-k 'seed-17'` repeats exactly that run.
MOORAGE_SEEDS is how many there are.
"""

import asyncio
import os

import pytest
from sim import CLIENT, SERVER, Simulation
from stories import NASTY, rolled_and_scaled, running

from moorage.domain.registry import Instance
from moorage.domain.service import ServiceProgress
from moorage.domain.task import Status
from moorage.planning.actions import TaskSpec
from moorage.runtime.fake import Behaviour
from moorage.runtime.faults import Odds

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

SEEDS = [pytest.param(seed, id=f"seed-{seed}") for seed in range(int(os.environ.get("MOORAGE_SEEDS", "24")))]
FEWER = SEEDS[: len(SEEDS) // 2]


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_request_fails_while_a_service_is_rolled_and_scaled(seed):
    simulation = await rolled_and_scaled(seed)
    assert simulation.requests.failures == []
    assert simulation.requests.answered > 100


@pytest.mark.parametrize("seed", FEWER)
async def test_a_crash_fails_at_most_the_requests_that_the_task_held(seed):
    async with running(Simulation(seed, odds=NASTY)) as simulation:
        allowed = 0
        for _ in range(5):
            await simulation.until(simulation.known_to_clients)
            victim = simulation.random.choice(simulation.serving())
            allowed += simulation.requests.held[victim.id]
            simulation.runtime.crash(victim.id, "app")
            await asyncio.sleep(20)
            await simulation.until(simulation.settled)
        assert len(simulation.requests.failures) <= allowed


@pytest.mark.parametrize("seed", FEWER)
async def test_a_daemon_that_is_killed_and_started_again_goes_on_where_it_was(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.05)) as simulation:
        for _ in range(5):
            await simulation.deploy()
            await asyncio.sleep(simulation.random.uniform(0, 3))
            await simulation.restart_daemon()
            await asyncio.sleep(simulation.random.uniform(0, 15))
        await simulation.until(simulation.settled)
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_a_task_that_died_is_replaced_though_every_word_of_it_was_lost(seed):
    async with running(Simulation(seed, odds=Odds(lost_nudge=1.0)), traffic=False) as simulation:
        victim = simulation.serving()[0]
        simulation.runtime.crash(victim.id, "app")
        await simulation.until(lambda: victim not in simulation.serving(), within=11)
        await simulation.until(simulation.settled, within=60)


@pytest.mark.parametrize("seed", SEEDS[:2])
async def test_what_the_runtime_holds_of_no_task_is_taken_away(seed):
    async with running(Simulation(seed), traffic=False) as simulation:
        await simulation.runtime.prepare(TaskSpec("stray", hostname="stray"))
        assert "stray" in await simulation.runtime.tasks()
        await asyncio.sleep(11)
        mine = {task.id for task in (*simulation.serving(), *simulation.serving(CLIENT))}
        assert set(await simulation.runtime.tasks()) == mine


@pytest.mark.parametrize("seed", SEEDS[: len(SEEDS) // 8])
async def test_a_service_that_is_deleted_leaves_nothing(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.1), traffic=False) as simulation:
        await simulation.delete()
        world = simulation.store.snapshot
        await simulation.until(lambda: world().get(ServiceProgress, SERVER).inactive_at is not None)
        assert not list(world().all(Instance))
        assert all(state.status is Status.STOPPED for _, state in simulation.states())
        assert not any(simulation.runtime.accepts(task.id, 5000) for task, _ in simulation.states())


async def test_tasks_that_die_young_are_started_ever_more_slowly():
    simulation = Simulation(1, behaviour=Behaviour(exit_after=0.5, exit_code=1), desired=1)
    simulation.engine.start()
    await asyncio.sleep(600)
    started = len(simulation.states())
    await simulation.engine.pause()
    assert 8 <= started <= 15


async def test_a_scaled_down_service_answers_nothing_and_a_scaled_up_one_does_without_a_new_client():
    async with running(Simulation(3), traffic=False) as simulation:
        (client,) = simulation.serving(CLIENT)
        await simulation.scale(0)
        await simulation.until(lambda: not simulation.proxies.endpoints(client.id))
        await simulation.scale(2)
        await simulation.until(lambda: len(simulation.proxies.endpoints(client.id)) == 2)
        assert simulation.serving(CLIENT) == [client]


def events(simulation: Simulation, key: tuple[str, ...]) -> list[str]:
    progress = simulation.store.snapshot().get(ServiceProgress, key)
    return [event.message for event in progress.events] if progress is not None else []


@pytest.mark.parametrize("seed", SEEDS[: len(SEEDS) // 8])
async def test_a_proxy_that_answers_nothing_keeps_deployments_up_for_five_seconds_and_is_named(seed):
    async with running(Simulation(seed), traffic=False) as simulation:
        (client,) = simulation.serving(CLIENT)
        simulation.proxies.stuck.add(client.id)
        for _ in range(3):
            began = asyncio.get_running_loop().time()
            await simulation.deploy()
            await asyncio.sleep(0.1)
            await simulation.until(simulation.settled)
            assert asyncio.get_running_loop().time() - began < 15
        late = f"waits: the proxy of (task {client.id}) has not let go of it"
        assert any(late in message for message in events(simulation, SERVER))


@pytest.mark.parametrize("seed", SEEDS[: len(SEEDS) // 8])
async def test_a_proxy_that_refuses_its_configuration_is_told_and_nobody_else_waits_for_it(seed):
    async with running(Simulation(seed)) as simulation:
        (client,) = simulation.serving(CLIENT)
        simulation.proxies.refusing[client.id] = "Cluster web: no such thing"
        await simulation.deploy()
        await asyncio.sleep(0.1)
        await simulation.until(simulation.settled, within=60)
        told = (
            f"(service client) (task {client.id}) has a Service Connect proxy that refused Cluster web: no such thing."
        )
        await simulation.until(lambda: told in events(simulation, CLIENT), within=60)
        assert [task.id for task in simulation.serving(CLIENT)] == [client.id]
        assert simulation.requests.failures == []
        assert events(simulation, CLIENT).count(told) == 1


@pytest.mark.parametrize("seed", SEEDS[: len(SEEDS) // 8])
async def test_proxies_that_crash_are_started_again_and_the_service_stays_whole(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.05), traffic=False) as simulation:
        for _ in range(6):
            victim = simulation.random.choice(simulation.serving())
            states = {task.id: state for task, state in simulation.states()}
            names = [container.name for container in states[victim.id].containers]
            simulation.runtime.crash(victim.id, next(name for name in names if name.startswith("ecs-service-connect-")))
            await asyncio.sleep(simulation.random.uniform(0, 12))
            if simulation.random.random() < 0.3:
                await simulation.restart_daemon()
            await simulation.until(simulation.settled)
        counts = [c.restarts for _, state in simulation.states() for c in state.containers]
        assert 1 <= max(counts) <= 3
