"""Once a minute what is new is archived, whatever is restarted meanwhile; a reader also gets the minute under way."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.metrics import Series
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.traffic import INGRESS, Counts, Reading, Side
from moorage.engine.metering import Metering
from moorage.engine.metrics import Heard, Proxied
from moorage.engine.ports import NotRunning
from moorage.store.memory import MemoryStore
from moorage.store.metrics import SqliteMetrics

START = datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)
MINUTE = int(START.timestamp()) // 60
REQUESTS = Series("a", "r", "RequestCount", (("DiscoveryName", "api"),))
MEMORY = Series("a", "r", "MemoryUtilization", (("ClusterName", "demo"), ("ServiceName", "api")))
CPU = Series("a", "r", "CPUUtilization", MEMORY.dimensions)


class Scene:
    """One task whose proxy counts `requests` and whose container has used `cpu` seconds; a clock that is set."""

    def __init__(self, archive: SqliteMetrics) -> None:
        self.archive = archive
        self.store = MemoryStore()
        self.requests: int | None = 0
        self.cpu = 1.0
        self.asked = 0
        self.time = START
        self.metering = self.fresh()

    def fresh(self) -> Metering:
        return Metering(self.store, self.gather, self.measure, self.archive, self)

    def now(self) -> datetime:
        return self.time

    async def gather(self) -> list[Heard]:
        self.asked += 1
        (task,) = self.store.snapshot().all(Task)
        (definition,) = self.store.snapshot().all(TaskDefinition)
        deployment = Deployment(*task.key[:3], "api", "d", START, definition.key, "FARGATE", namespace_id="ns")
        reading: Reading | None = None
        if self.requests is not None:
            reading = {Side(INGRESS, "api", "http"): Counts({"2xx": self.requests}, self.requests)}
        return [Heard(Proxied(task, deployment, definition), reading)]

    async def measure(self, task_id: str) -> dict[str, Any]:
        if self.cpu < 0:
            raise NotRunning("gone")
        memory = {"usage": 128 << 20}
        return {"containers": {"app": {"cpu": int(self.cpu * 1e9), "memory": memory}, "uncounted": None}}

    async def run_task(self) -> None:
        document = {"containerDefinitions": [{"name": "app", "image": "i"}], "cpu": "1024", "memory": "512"}
        definition = TaskDefinition("a", "r", "f", 1, "ACTIVE", START, "", document)
        task = Task("a", "r", "demo", "t1", START, definition.key, "service:api", "FARGATE", service="api")
        state = TaskState("a", "r", "demo", "t1", status=Status.RUNNING)
        await self.store.commit([Put(definition), Put(task), Put(state)], {})

    async def minute_later(self) -> timedelta | None:
        self.time += timedelta(minutes=1)
        return await self.metering.reconcile(())

    async def archived(self, series: Series) -> list[tuple[int, dict[float, int]]]:
        return [(p.minute - MINUTE, dict(p.samples)) for p in await self.archive.points(series, 0, 1 << 40)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    archive = SqliteMetrics(tmp_path)
    made = Scene(archive)
    try:
        yield made
    finally:
        await archive.close()


async def test_what_is_new_in_a_minute_is_archived_when_it_is_over(scene: Scene) -> None:
    await scene.run_task()
    assert await scene.metering.reconcile(()) == timedelta(seconds=50)
    for scene.requests in (3, 3, 8):
        await scene.minute_later()
    assert await scene.archived(REQUESTS) == [(0, {3.0: 1}), (2, {5.0: 1})]


async def test_a_restart_neither_loses_nor_doubles_what_proxies_count_meanwhile(scene: Scene) -> None:
    await scene.run_task()
    await scene.metering.reconcile(())
    scene.requests = 3
    await scene.minute_later()
    scene.metering = scene.fresh()
    scene.requests = 10
    scene.time += timedelta(minutes=5)
    await scene.metering.reconcile(())
    await scene.minute_later()
    assert [samples for _, samples in await scene.archived(REQUESTS)] == [{3.0: 1}, {7.0: 1}]


async def test_a_proxy_that_did_not_answer_is_counted_when_it_does(scene: Scene) -> None:
    await scene.run_task()
    await scene.metering.reconcile(())
    for scene.requests in (2, None, 5):
        await scene.minute_later()
    assert await scene.archived(REQUESTS) == [(0, {2.0: 1}), (2, {3.0: 1})]


async def test_use_is_measured_over_the_minute_and_left_out_where_it_is_not_known(scene: Scene) -> None:
    await scene.run_task()
    await scene.metering.reconcile(())
    for scene.cpu in (4.0, 10.0, -1.0):
        await scene.minute_later()
    assert await scene.archived(MEMORY) == [(0, {25.0: 1}), (1, {25.0: 1})]
    assert await scene.archived(CPU) == [(1, {10.0: 1})]


async def test_the_minute_under_way_is_read_without_being_archived_and_not_twice_a_second(scene: Scene) -> None:
    await scene.run_task()
    scene.requests = 4
    assert (await scene.metering.current())[1][REQUESTS] == {4.0: 1}
    scene.requests = 5
    assert (await scene.metering.current())[1][REQUESTS] == {4.0: 1}
    assert scene.asked == 1
    scene.time += timedelta(seconds=2)
    minute, points = await scene.metering.current()
    assert (minute, points[REQUESTS]) == (MINUTE, {5.0: 1})
    assert await scene.archived(REQUESTS) == []


async def test_where_no_service_runs_nobody_is_asked_and_nothing_written(scene: Scene) -> None:
    await scene.metering.reconcile(())
    assert await scene.minute_later() == timedelta(seconds=50)
    assert await scene.metering.current() == (MINUTE + 1, {})
    assert scene.asked == 0
    assert await scene.archive.series("a", "r") == []
