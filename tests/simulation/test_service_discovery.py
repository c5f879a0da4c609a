"""Service discovery without Service Connect, on virtual time: who stops is not found any more, who serves is."""

import asyncio
from dataclasses import replace

import pytest
from sim import Simulation
from stories import NASTY, running

from moorage.domain.changes import Put
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.service import Service
from moorage.domain.service_registry import ServiceRegistry
from moorage.domain.task import Status, Task, TaskState
from moorage.engine.ports import Commit
from worlds import CLUSTER, HOME, NAMESPACE, NOON, deployment, service, world_with

pytestmark = pytest.mark.looptime(start=0, noop_cycles=0)

KEY = (*HOME, CLUSTER, "found")
ID = "srv-dddddddddddddddd"
REGISTRY = ServiceRegistry(f"arn:aws:servicediscovery:us-east-1:111122223333:service/{ID}")
LEFT = frozenset({Status.STOPPING, Status.DEPROVISIONING, Status.STOPPED})


async def add_service(simulation: Simulation) -> None:
    """A service that is found by service discovery alone."""
    registry = RegistryService(*HOME, ID, "found", NAMESPACE, "DNS_HTTP", NOON, health_check_custom_config={})
    own = world_with(service("found", 2), deployment("found", 1, registries=(REGISTRY,)))
    records = [record for table in own.tables.values() for record in table.values()]
    await simulation.store.commit([Put(record) for record in (registry, *records)], {})


def found_too_long(simulation: Simulation) -> list[str]:
    """Filled with each moment at which a task is found that was asked to stop and whose programs may know it."""
    wrong: list[str] = []

    def look(_commit: Commit) -> None:
        world = simulation.store.snapshot()
        for instance in world.linked(Instance, "service", (*HOME, ID)):
            state = world.get(TaskState, (*KEY[:3], instance.task_id))
            if state is not None and state.status in LEFT and state.stop is None:
                wrong.append(f"{instance.task_id} is {state.status}")

    simulation.store.watch(look)
    return wrong


async def change(simulation: Simulation, **members: object) -> None:
    spec = simulation.store.snapshot().get(Service, KEY)
    await simulation.store.commit([Put(replace(spec, **members))], {})


def found(simulation: Simulation) -> set[str]:
    return {each.id for each in simulation.store.snapshot().linked(Instance, "service", (*HOME, ID))}


def in_step(simulation: Simulation) -> bool:
    """As many tasks serve as shall, of the latest deployment, and exactly those are found."""
    spec = simulation.store.snapshot().get(Service, KEY)
    serving = [task for task in simulation.serving(KEY) if task.deployment_id == spec.deployment_id]
    return len(serving) == spec.desired_count and found(simulation) == {task.id for task in serving}


@pytest.mark.parametrize("seed", range(4))
async def test_a_task_has_left_cloud_map_before_its_programs_are_told_to_stop(seed: int):
    simulation = Simulation(seed)
    await add_service(simulation)
    wrong = found_too_long(simulation)
    async with running(simulation, traffic=False):
        for _ in range(4):
            await simulation.deploy(KEY)
            await change(simulation, desired_count=simulation.random.randint(1, 5))
            await asyncio.sleep(simulation.random.uniform(0, 20))
        await simulation.until(lambda: in_step(simulation))
    assert wrong == []


@pytest.mark.parametrize("seed", range(4))
async def test_cloud_map_holds_the_tasks_that_serve_whatever_dies(seed: int):
    simulation = Simulation(seed, odds=NASTY, stale=0.05)
    await add_service(simulation)
    async with running(simulation, traffic=False):
        for _ in range(4):
            if serving := simulation.serving(KEY):
                simulation.runtime.crash(simulation.random.choice(serving).id, "app")
            await simulation.deploy(KEY)
            await asyncio.sleep(simulation.random.uniform(0, 10))
            await simulation.restart_daemon()
        await simulation.until(lambda: in_step(simulation))
        await change(simulation, desired_count=0, deleted_at=simulation.clock.now())
        await simulation.until(lambda: not found(simulation) and not simulation.serving(KEY))
    left = simulation.store.snapshot()
    assert left.get(RegistryService, (*HOME, ID)) is not None, "it is the user's"
    assert left.linked(Task, "service", KEY), "its tasks are still told of"
