"""The metrics of AWS/ECS, once a minute: what came to the counts of every task since the minute before, archived.

The counts that a minute begins with are archived with it, so that after a restart nothing is counted twice or lost
while proxies ran on alone. Where no service runs, nothing is asked and nothing is written. A reader also gets the
minute under way, measured when it asks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from moorage.domain.changes import Key
from moorage.domain.metrics import MINUTE, Samples, Series
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.traffic import NOTHING, Baseline, Reading, since
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.metrics import Heard
from moorage.engine.ports import Clock, RuntimeFailed, Store
from moorage.planning import metering, sidecar
from moorage.planning.metering import Metered, Size, Use

FRESH: Final = 1.0
"""Seconds for which the minute under way is not measured again."""

Gather = Callable[[], Awaitable[Sequence[Heard]]]
Measure = Callable[[str], Awaitable[Mapping[str, Any]]]
"""A task's use now: `containers` by name, each with `cpu` (nanoseconds) and `memory` (bytes), or None."""


class Archive(Protocol):
    """Keeps points, and the baselines of the tasks that run."""

    async def add(self, minute: int, points: Mapping[Series, Samples], baselines: Mapping[str, Baseline]) -> None:
        """Keep the points of a minute (counted since 1970), and these baselines instead of the former ones."""

    async def baselines(self) -> dict[str, Baseline]:
        """The baselines that were kept last, by task id."""


class Metering:
    """A controller of one key: wakes when a minute is over. `current` is for readers."""

    def __init__(self, store: Store, gather: Gather, measure: Measure, archive: Archive, clock: Clock) -> None:
        self._store = store
        self._gather = gather
        self._measure = measure
        self._archive = archive
        self._clock = clock
        self._minute: int | None = None
        self._before: dict[str, Baseline] | None = None
        self._fresh: tuple[datetime, int, Mapping[Series, Samples]] | None = None
        self._reading = asyncio.Lock()

    async def reconcile(self, key: Key) -> Wake:
        now = self._clock.now()
        minute = int(now.timestamp()) // MINUTE
        if self._minute is not None and minute > self._minute:
            await self._keep(minute - 1, now)
        self._minute = minute
        return timedelta(seconds=(minute + 1) * MINUTE - self._clock.now().timestamp())

    async def current(self) -> tuple[int, Mapping[Series, Samples]]:
        """The minute under way, counted since 1970, and its points until now."""
        async with self._reading:
            now = self._clock.now()
            minute = int(now.timestamp()) // MINUTE
            fresh = self._fresh
            if fresh is None or fresh[1] != minute or (now - fresh[0]).total_seconds() >= FRESH:
                points, _ = await self._measured(now)
                self._fresh = fresh = (now, minute, points)
            return fresh[1], fresh[2]

    def forget(self) -> None:
        """Begin anew: nothing was counted before."""
        self._before, self._fresh = {}, None

    async def _keep(self, minute: int, now: datetime) -> None:
        async with self._reading:
            points, baselines = await self._measured(now)
            if points or baselines != self._before:
                await self._archive.add(minute, points, baselines)
            self._before, self._fresh = baselines, None

    async def _measured(self, now: datetime) -> tuple[Mapping[Series, Samples], dict[str, Baseline]]:
        """The points since the baselines, and what the next baselines are."""
        if self._before is None:
            self._before = await self._archive.baselines()
        world = self._store.snapshot()
        tasks = _running(world)
        if not tasks:
            return {}, {}
        heard = {each.of.task.id: each.reading for each in await self._gather()}
        metered, baselines = [], {}
        for task, size in tasks:
            before = self._before.get(task.id, Baseline())
            used = await self._used(task)
            reading = heard.get(task.id)
            metered.append(Metered(_service(task), _passed(reading, before), _use(used, before, now, size)))
            counts = before.counts if reading is None else tuple(reading.items())
            cpu = {name: each["cpu"] for name, each in used.items()}
            baselines[task.id] = Baseline(counts, cpu, now.timestamp())
        return metering.points(metered), baselines

    async def _used(self, task: Task) -> dict[str, dict[str, int]]:
        """What each container used, as far as the machine counts it."""
        with suppress(RuntimeFailed):
            found = (await self._measure(task.id))["containers"]
            return {
                name: {"cpu": each["cpu"], "memory": each["memory"]["usage"]}
                for name, each in found.items()
                if each is not None and each["cpu"] is not None and "usage" in each["memory"]
            }
        return {}


def _running(world: World) -> list[tuple[Task, Size]]:
    """The running tasks of services, each with what it reserved."""
    found = []
    for state in sorted(world.all(TaskState), key=lambda state: state.key):
        task = world.get(Task, state.key) if state.status is Status.RUNNING else None
        definition = world.get(TaskDefinition, task.task_definition) if task is not None else None
        if task is not None and definition is not None and task.service is not None:
            limits = sidecar.size(task, definition)
            found.append((task, Size(limits.cpu, limits.memory)))
    return found


def _service(task: Task) -> Key:
    return (task.account, task.region, task.cluster, task.service or "")


def _passed(reading: Reading | None, before: Baseline) -> Reading:
    former = dict(before.counts)
    return {side: since(counts, former.get(side, NOTHING)) for side, counts in (reading or {}).items()}


def _use(used: Mapping[str, Mapping[str, int]], before: Baseline, now: datetime, size: Size) -> Use:
    return metering.use(before.cpu, used, now.timestamp() - before.at, size) if used else Use()
