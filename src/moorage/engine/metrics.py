"""Asks every running proxy what it counted. When that is done, and what becomes of it, is up to who asks.

Nothing is added up or guessed here: a proxy that does not answer has no reading.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.traffic import Reading
from moorage.domain.world import World
from moorage.engine.ports import Store
from moorage.mesh import counted
from moorage.planning import sidecar

AT_ONCE: Final = 16
"""How many proxies are asked at the same time."""

Ask = Callable[[str, str], Awaitable[str | None]]
"""Envoy's answer, as JSON, to a task id and a filter of statistics; None when it does not answer."""


@dataclass(frozen=True)
class Proxied:
    """A running task that has a proxy."""

    task: Task
    deployment: Deployment
    definition: TaskDefinition


@dataclass(frozen=True)
class Heard:
    """What the proxy of a task counted until now; None when it did not answer."""

    of: Proxied
    reading: Reading | None


class Metrics:
    """Gathers from all proxies."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store = store
        self._ask = ask

    async def gather(self) -> list[Heard]:
        """What every proxy of a running task counted, by task."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(of: Proxied) -> Heard:
            async with room:
                return Heard(of, _reading(of, await self._ask(of.task.id, counted.FILTER)))

        return list(await asyncio.gather(*(one(of) for of in proxied(self._store.snapshot()))))


def proxied(world: World) -> list[Proxied]:
    """Every running task that has a proxy."""
    running = (state for state in world.all(TaskState) if state.status is Status.RUNNING)
    tasks = (world.get(Task, state.key) for state in sorted(running, key=lambda state: state.key))
    found = (_proxied(world, task) for task in tasks if task is not None)
    return [each for each in found if each is not None]


def _proxied(world: World, task: Task) -> Proxied | None:
    deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
    definition = world.get(TaskDefinition, task.task_definition)
    if deployment is None or definition is None or deployment.namespace_id is None:
        return None
    return Proxied(task, deployment, definition)


def _reading(of: Proxied, text: str | None) -> Reading | None:
    if text is None:
        return None
    exposed = sidecar.exposed_ports(of.deployment, of.definition)
    return counted.read(text, counted.sides(of.deployment, {port.port_name: port.protocol for port in exposed}))
