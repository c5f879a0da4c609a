"""Rolling updates that are slow, sick, cramped or cut short: what holds after every commit, and how they end."""

import asyncio

import pytest
from sim import CLIENT, SERVER, Simulation
from stories import NASTY, running

from moorage.domain.registry import Instance
from moorage.domain.service import COMPLETED, Rollout, Service, ServiceProgress
from moorage.domain.task import Status, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import rollout
from moorage.runtime.fake import Behaviour
from worlds import definition

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

SEEDS = range(6)


def checked(image: str, behaviour: Behaviour, simulation: Simulation, start_period: int = 0) -> TaskDefinition:
    """A task definition with a health check, whose image behaves as given."""
    simulation.images[image] = behaviour
    check = {"command": ["CMD", "true"], "interval": 5, "retries": 1, "startPeriod": start_period}
    ports = [{"name": "web", "containerPort": 5000, "appProtocol": "http"}]
    container = {"name": "app", "image": image, "essential": True, "portMappings": ports, "healthCheck": check}
    return definition(image, [container])


def rollout_of(simulation: Simulation) -> Rollout:
    spec = simulation.store.snapshot().get(Service, SERVER)
    return simulation.store.snapshot().get(Rollout, (*SERVER, spec.deployment_id))


class Bounds:
    """Sees after every commit that the floor is held and the ceiling kept; `crossed` are the times when not."""

    def __init__(self, simulation: Simulation) -> None:
        self.crossed: list[str] = []
        self._simulation = simulation
        simulation.store.watch(lambda _commit: self._look())

    def _look(self) -> None:
        spec = self._simulation.store.snapshot().get(Service, SERVER)
        live = [state for task, state in self._simulation.states() if stop_of(task, state) is None]
        healthy = sum(state is not None and state.healthy_at is not None for state in live)
        floor = rollout.floor_of(spec.desired_count, spec.deployment_configuration)
        ceiling = rollout.ceiling_of(spec.desired_count, spec.deployment_configuration)
        if healthy < floor or len(live) > ceiling:
            self.crossed.append(f"{healthy} healthy of {len(live)}, floor {floor}, ceiling {ceiling}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("percents", "desired"), [((100, 200), 3), ((50, 100), 4), ((50, 150), 3), ((100, 150), 2)])
async def test_a_rollout_keeps_to_its_floor_and_its_ceiling_and_fails_no_request(seed, percents, desired):
    async with running(Simulation(seed, odds=NASTY, stale=0.05, desired=desired, percents=percents)) as simulation:
        bounds = Bounds(simulation)
        for _ in range(2):
            await simulation.deploy()
            await asyncio.sleep(simulation.random.uniform(0, 10))
        await simulation.until(simulation.settled)
        assert bounds.crossed == []
        assert simulation.requests.failures == []


async def test_a_rollout_without_room_says_so_and_leaves_the_old_tasks_serving():
    async with running(Simulation(1, desired=1, percents=(100, 100))) as simulation:
        before = simulation.serving()
        await simulation.deploy()
        await simulation.until(lambda: bool(rollout_of(simulation).blocked))
        await asyncio.sleep(60)
        assert simulation.serving() == before
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_tasks_that_are_slow_to_become_healthy_are_waited_for(seed):
    async with running(Simulation(seed, odds=NASTY)) as simulation:
        slow = Behaviour(listens=frozenset({5000}), healthy_after=45.0)
        await simulation.deploy(definition=checked("slow", slow, simulation, start_period=60))
        await asyncio.sleep(30)
        assert rollout_of(simulation).state != COMPLETED
        await simulation.until(simulation.settled)
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_tasks_that_never_become_healthy_replace_nothing(seed):
    async with running(Simulation(seed, odds=NASTY)) as simulation:
        before = simulation.serving()
        sick = Behaviour(listens=frozenset({5000}), healthy_after=None, unhealthy_after=8.0)
        await simulation.deploy(definition=checked("sick", sick, simulation))
        await asyncio.sleep(120)
        assert simulation.serving() == before
        assert rollout_of(simulation).state != COMPLETED
        assert simulation.requests.failures == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_tasks_that_fall_ill_are_replaced_until_a_sound_deployment_ends_it(seed):
    async with running(Simulation(seed, odds=NASTY), traffic=False) as simulation:
        flapping = Behaviour(listens=frozenset({5000}), healthy_after=1.0, unhealthy_after=20.0)
        await simulation.deploy(definition=checked("flapping", flapping, simulation))
        first = simulation.store.snapshot().get(Service, SERVER).deployment_id
        await asyncio.sleep(180)
        ill = [task for task, _ in simulation.states() if task.deployment_id == first]
        assert len(ill) > simulation.desired
        sound = Behaviour(listens=frozenset({5000}), healthy_after=1.0)
        await simulation.deploy(definition=checked("sound", sound, simulation))
        await simulation.until(simulation.settled)
        await simulation.until(simulation.known_to_clients)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_service_that_is_deleted_while_it_is_rolled_leaves_nothing(seed):
    async with running(Simulation(seed, odds=NASTY, stale=0.1), traffic=False) as simulation:
        await simulation.deploy()
        await asyncio.sleep(simulation.random.uniform(0, 12))
        await simulation.delete()
        world = simulation.store.snapshot
        await simulation.until(lambda: world().get(ServiceProgress, SERVER).inactive_at is not None)
        assert not list(world().all(Instance))
        assert all(state.status is Status.STOPPED for _, state in simulation.states())
        (client,) = simulation.serving(CLIENT)
        await simulation.until(lambda: not simulation.proxies.endpoints(client.id))
