"""Brings what containers write to CloudWatch Logs, as the `awslogs` driver does: one follower per container.

It calls the public operations. After a restart it goes on where the stream ends, so that no line is lost or doubled
while the runtime still has it. Which stream is whose is `planning/log_sinks`' decision.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from moorage.domain.changes import Key
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import Commit, LogLine, OperationFailed, Operations, Runtime, RuntimeFailed, Store
from moorage.planning import log_sinks
from moorage.planning.log_sinks import LogSink

LINGER: Final = 0.5
"""Seconds that lines wait for others to be sent with."""
PATIENCE: Final = 1.0
"""Seconds that an event of several lines waits for its next one."""

RETRY: Final = 5.0
BATCH_LINES: Final = 500
BATCH_BYTES: Final = 256 << 10
MAX_EVENT: Final = BATCH_BYTES - 26
"""Bytes of one event: 256 KiB with what CloudWatch Logs counts for each (its page of quotas)."""
_DAY_MS: Final = 24 * 60 * 60 * 1000

log = logging.getLogger(__name__)


@dataclass
class _Batch:
    """Lines on their way. Times never go back within a stream, whatever the clock did."""

    last: int
    events: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0

    def add(self, line: LogLine) -> None:
        self.last = max(self.last, _milliseconds(line.at))
        self.events.append({"timestamp": self.last, "message": line.text})
        self.size += len(line.text.encode()) + 26

    def takes(self, line: LogLine) -> bool:
        """False when the line would make it more than one call may carry."""
        if not self.events:
            return True
        spans = _milliseconds(line.at) - self.events[0]["timestamp"]
        return len(self.events) < BATCH_LINES and self.size < BATCH_BYTES and spans < _DAY_MS


class _Event:
    """Lines that are one event: without a pattern each of them is, else all from one that matches to the next."""

    def __init__(self, first_line: re.Pattern[str] | None) -> None:
        self._first_line = first_line
        self._begun: LogLine | None = None

    @property
    def patience(self) -> float:
        """How long to wait for one more line."""
        return PATIENCE if self._first_line else LINGER

    def with_line(self, line: LogLine | None) -> LogLine | None:
        """The event that is whole now that `line` came, or, where none came for long, without a further one."""
        if self._first_line is None:
            return line
        begun = self._begun
        if line is None or begun is None:
            self._begun = line
            return begun
        joined = f"{begun.text}\n{line.text}"
        if self._first_line.search(line.text) or len(joined.encode()) > MAX_EVENT:
            self._begun = line
            return begun
        self._begun = replace(begun, text=joined)
        return None


class LogShipping:
    """Follows the containers of every task in the World whose log driver is awslogs."""

    def __init__(self, store: Store, runtime: Runtime, operations: Operations) -> None:
        self._store = store
        self._runtime = runtime
        self._operations = operations
        self._followers: dict[LogSink, asyncio.Task[None]] = {}
        self._followed: dict[str, dict[LogSink, int]] = {}
        self._runs = False
        store.watch(self._committed)

    @property
    def followers(self) -> tuple[asyncio.Task[None], ...]:
        """Those at work: one per container that is being followed."""
        return tuple(self._followers.values())

    def start(self) -> None:
        """Follow what runs now, and from now on whatever starts."""
        self._runs = True
        for state in self._store.snapshot().all(TaskState):
            if state.status is not Status.STOPPED:
                self._look_at(state.key)

    async def stop(self) -> None:
        """Let go; the next start goes on where each stream ends."""
        self._runs = False
        followers = self.followers
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        self._followers.clear()
        self._followed.clear()

    def _committed(self, commit: Commit) -> None:
        for table, key in commit.touched:
            if table == TaskState.table and self._runs:
                self._look_at(key)

    def _look_at(self, key: Key) -> None:
        world = self._store.snapshot()
        task, state = world.get(Task, key), world.get(TaskState, key)
        definition = world.get(TaskDefinition, task.task_definition) if task is not None else None
        if task is None or definition is None:
            self._followed.pop(key[-1], None)
            return
        deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
        followed = self._followed.setdefault(task.id, {})
        for sink in log_sinks.sinks(task, definition, state, deployment):
            # Who follows the run before may have missed its end and go on: two would send each line twice.
            if sink not in self._followers and followed.get(sink, -1) < sink.run:
                followed[sink] = sink.run
                self._followers[sink] = follower = asyncio.create_task(self._follow(sink))
                follower.add_done_callback(partial(self._ended, sink))

    def _ended(self, sink: LogSink, done: asyncio.Task[None]) -> None:
        if self._followers.get(sink) is done:
            del self._followers[sink]
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("the output of %s of task %s is not followed any more", *_of(sink), exc_info=error)
        elif not done.cancelled() and self._runs:
            # The container may have been started again meanwhile.
            for task in self._store.snapshot().linked(Task, "id", (sink.task_id,)):
                self._look_at(task.key)

    async def _follow(self, sink: LogSink) -> None:
        while True:
            try:
                await self._open(sink)
                await self._ship(sink)
            except OperationFailed as error:
                if error.code == "ResourceNotFoundException":
                    log.info("%s of task %s: its log stream %s or the group was deleted", *_of(sink), sink.stream)
                    return
                log.warning("%s of task %s: %s; trying again", *_of(sink), error)
            except RuntimeFailed as error:
                log.warning("%s of task %s: %s; trying again", *_of(sink), error.reason)
            else:
                return
            await asyncio.sleep(RETRY)

    async def _open(self, sink: LogSink) -> None:
        """Make the stream where it is missing, and the group where `awslogs-create-group` asks for it."""
        if sink.create_group:
            await self._make(sink, "CreateLogGroup", _group(sink))
        await self._make(sink, "CreateLogStream", _stream(sink))

    async def _make(self, sink: LogSink, operation: str, names: dict[str, Any]) -> None:
        try:
            await self._call(sink, operation, names)
        except OperationFailed as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    async def _ship(self, sink: LogSink) -> None:
        last, known = await self._end(sink)
        since = datetime.fromtimestamp(last / 1000, UTC) if last else None
        lines = self._runtime.logs(sink.task_id, sink.container, since, follow=True)
        batch, event = _Batch(last), _Event(sink.first_line)
        async with contextlib.aclosing(_with_pauses(lines, event.patience)) as coming:
            async for line in coming:
                if line is not None and known and (sink.first_line or _milliseconds(line.at) == last):
                    known -= 1
                    continue
                batch = await self._with(sink, batch, event.with_line(line))
                if line is None:
                    batch = await self._send(sink, batch)
        await self._send(sink, await self._with(sink, batch, event.with_line(None)))

    async def _end(self, sink: LogSink) -> tuple[int, int]:
        """The time of the last event in the stream, and how many lines there are with it; 0, 0 for an empty one."""
        newest = await self._call(sink, "GetLogEvents", {**_stream(sink), "limit": 1})
        if not newest["events"]:
            return 0, 0
        last = newest["events"][0]["timestamp"]
        span = {**_stream(sink), "startTime": last, "endTime": last + 1, "startFromHead": True}
        events = (await self._call(sink, "GetLogEvents", span))["events"]
        return last, sum(event["message"].count("\n") + 1 for event in events)

    async def _with(self, sink: LogSink, batch: _Batch, event: LogLine | None) -> _Batch:
        """The batch with one event more; what it was before is sent if it takes no more."""
        if event is not None:
            batch = batch if batch.takes(event) else await self._send(sink, batch)
            batch.add(event)
        return batch

    async def _send(self, sink: LogSink, batch: _Batch) -> _Batch:
        if batch.events:
            await self._call(sink, "PutLogEvents", {**_stream(sink), "logEvents": batch.events})
        return _Batch(batch.last)

    async def _call(self, sink: LogSink, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self._operations.call(sink.account, sink.region, "logs", operation, arguments)


async def _with_pauses(lines: AsyncIterator[LogLine], pause: float) -> AsyncGenerator[LogLine | None, None]:
    """The lines that are not empty, as the driver does, and one None when after a line none came for so long."""
    timeout = None
    coming = asyncio.ensure_future(_next(lines))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=timeout)
            if not done:
                timeout = None
                yield None
                continue
            line = coming.result()
            if line is None:
                return
            if line.text:
                timeout = pause
                yield line
            coming = asyncio.ensure_future(_next(lines))
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(lines: AsyncIterator[LogLine]) -> LogLine | None:
    return await anext(lines, None)


def _of(sink: LogSink) -> tuple[str, str]:
    return sink.container, sink.task_id


def _group(sink: LogSink) -> dict[str, Any]:
    return {"logGroupName": sink.group}


def _stream(sink: LogSink) -> dict[str, Any]:
    return {"logGroupName": sink.group, "logStreamName": sink.stream}


def _milliseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
