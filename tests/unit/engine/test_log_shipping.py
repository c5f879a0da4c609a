"""What containers write arrives in CloudWatch Logs, once each and in order, whatever is restarted meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ec2
from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Put
from moorage.domain.task import ContainerState, Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.log_shipping import LogShipping
from moorage.engine.ports import LogLine
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT, REGION = "000000000000", "us-east-1"
STREAM = {"logGroupName": "/app", "logStreamName": "p/web/t1"}


class Writing:
    """The part of a runtime that has logs: what is written is there for good, and can be followed."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.ended = False
        self._changed = asyncio.Event()

    def write(self, *texts: str, at: datetime | None = None) -> None:
        self.lines += [LogLine(at or SystemClock().now(), "stdout", text) for text in texts]
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def begin_again(self) -> None:
        self.ended = False

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def logs(self, task_id: str, container: str, since: datetime | None, follow: bool) -> AsyncIterator[LogLine]:
        assert (task_id, container, follow) == ("t1", "web", True)
        told = 0
        while True:
            changed = self._changed
            for line in self.lines[told:]:
                told += 1
                if since is None or line.at >= since:
                    yield line
            if self.ended:
                return
            await changed.wait()


class Scene:
    """A running task with one container whose driver is awslogs."""

    def __init__(self, archive: SqliteLogEvents) -> None:
        self.store = MemoryStore()
        self.runtime = Writing()
        self.calls = Dispatcher(operations.table(archive), self.store, SystemClock(), SystemIds(), ec2.forward)
        self.shipping = self.fresh()

    def fresh(self) -> LogShipping:
        return LogShipping(self.store, self.runtime, self.calls)

    async def call(self, operation: str, **arguments: Any) -> Any:
        return await self.calls.call(ACCOUNT, REGION, "logs", operation, arguments)

    async def run_task(self, **more: str) -> None:
        now = SystemClock().now()
        options = {"awslogs-group": "/app", "awslogs-region": REGION, "awslogs-stream-prefix": "p", **more}
        container = {"name": "web", "image": "i", "logConfiguration": {"logDriver": "awslogs", "options": options}}
        definition = TaskDefinition(ACCOUNT, REGION, "f", 1, "ACTIVE", now, "", {"containerDefinitions": [container]})
        task = Task(ACCOUNT, REGION, "c", "t1", now, definition.key, "g", "FARGATE")
        seen = (ContainerState("web", "RUNNING", started_at=now),)
        state = TaskState(ACCOUNT, REGION, "c", "t1", status=Status.RUNNING, containers=seen)
        await self.store.commit([Put(definition), Put(task), Put(state)], {})

    async def started_again(self) -> None:
        (state,) = self.store.snapshot().all(TaskState)
        again = replace(state.containers[0], restarts=state.containers[0].restarts + 1)
        await self.store.commit([Put(replace(state, containers=(again,)))], {})

    async def arrived(self, *messages: str) -> None:
        """Return once the stream holds just these, in this order."""
        found: list[str] = []
        async with asyncio.timeout(20):
            while found != list(messages):
                await asyncio.sleep(0.02)
                if await self.streams():
                    events = (await self.call("GetLogEvents", **STREAM, startFromHead=True))["events"]
                    found = [event["message"] for event in events]

    async def streams(self) -> list[str]:
        found = await self.call("DescribeLogStreams", logGroupName="/app")
        return [stream["logStreamName"] for stream in found["logStreams"]]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    archive = SqliteLogEvents(tmp_path)
    scene = Scene(archive)
    await scene.call("CreateLogGroup", logGroupName="/app")
    try:
        yield scene
    finally:
        await scene.shipping.stop()
        await archive.close()


async def test_lines_arrive_as_they_are_written_and_empty_ones_do_not(scene: Scene) -> None:
    scene.shipping.start()
    await scene.run_task()
    scene.runtime.write("one", "", "two")
    await scene.arrived("one", "two")
    scene.runtime.write("three")
    await scene.arrived("one", "two", "three")


async def test_the_last_words_of_a_container_arrive(scene: Scene) -> None:
    scene.shipping.start()
    await scene.run_task()
    scene.runtime.write("good", "bye")
    scene.runtime.end()
    await scene.arrived("good", "bye")


async def test_after_a_restart_no_line_is_doubled_or_lost(scene: Scene) -> None:
    moment = SystemClock().now()
    await scene.run_task()
    scene.shipping.start()
    scene.runtime.write("a", "b", at=moment)
    await scene.arrived("a", "b")
    await scene.shipping.stop()
    # Of the same millisecond as what was sent already, and later.
    scene.runtime.write("c", at=moment + timedelta(microseconds=400))
    scene.runtime.write("d", at=moment + timedelta(milliseconds=3))
    scene.shipping = scene.fresh()
    scene.shipping.start()
    await scene.arrived("a", "b", "c", "d")


async def test_lines_up_to_the_next_that_matches_the_pattern_are_one_event_also_after_a_restart(scene: Scene) -> None:
    moment = SystemClock().now()
    scene.shipping.start()
    await scene.run_task(**{"awslogs-multiline-pattern": "^(INFO|ERROR)"})
    scene.runtime.write("no beginning", "ERROR one", "  at a", at=moment)
    scene.runtime.write("  at b", at=moment + timedelta(milliseconds=2))
    scene.runtime.write("INFO two", "INFO three", at=moment + timedelta(milliseconds=5))
    await scene.arrived("no beginning", "ERROR one\n  at a\n  at b", "INFO two", "INFO three")
    await scene.shipping.stop()
    scene.runtime.write("INFO four", "  and more", at=moment + timedelta(milliseconds=9))
    scene.runtime.end()
    scene.shipping = scene.fresh()
    scene.shipping.start()
    await scene.arrived("no beginning", "ERROR one\n  at a\n  at b", "INFO two", "INFO three", "INFO four\n  and more")


@pytest.mark.parametrize("noticed", [True, False])
async def test_a_container_that_is_started_again_is_followed_on(scene: Scene, noticed: bool) -> None:
    scene.shipping.start()
    await scene.run_task()
    scene.runtime.write("first")
    await scene.arrived("first")
    if noticed:
        scene.runtime.end()
        await asyncio.wait(scene.shipping.followers)
        scene.runtime.begin_again()
    await scene.started_again()
    scene.runtime.write("second")
    await scene.arrived("first", "second")
    assert len(scene.shipping.followers) == 1


async def test_more_lines_than_one_call_takes_arrive_in_order(scene: Scene) -> None:
    lines = [f"{number} {'x' * 1000}" for number in range(1200)]
    scene.shipping.start()
    scene.runtime.write(*lines)
    await scene.run_task()
    events: list[str] = []
    async with asyncio.timeout(20):
        while len(events) < len(lines):
            await asyncio.sleep(0.02)
            if not await scene.streams():
                continue
            events, token = [], {}
            while True:
                page = await scene.call("GetLogEvents", **STREAM, startFromHead=True, **token)
                if not page["events"]:
                    break
                events += [event["message"] for event in page["events"]]
                token = {"nextToken": page["nextForwardToken"]}
    assert events == lines


async def test_a_clock_that_went_back_does_not_stop_the_lines(scene: Scene) -> None:
    now = SystemClock().now()
    scene.shipping.start()
    scene.runtime.write("later", at=now)
    scene.runtime.write("earlier", at=now - timedelta(seconds=5))
    await scene.run_task()
    await scene.arrived("later", "earlier")


async def test_a_group_that_somebody_deleted_is_not_made_again(scene: Scene) -> None:
    scene.shipping.start()
    await scene.run_task()
    scene.runtime.write("one")
    await scene.arrived("one")
    await scene.call("DeleteLogGroup", logGroupName="/app")
    followers = list(scene.shipping.followers)
    scene.runtime.write("two")
    await asyncio.wait_for(asyncio.gather(*followers), 20)
    assert (await scene.call("DescribeLogGroups"))["logGroups"] == []
