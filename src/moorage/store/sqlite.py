"""SqliteStore: the World on disk. Commits that arrive while others are being written go to disk together.

A commit is checked and applied at once to the World *ahead*, written by one thread, and only then becomes the World
that `snapshot` gives. So nobody sees, and nobody is told of, what a crash could still take back.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from moorage.domain.changes import Expect, Put, Stale, Write
from moorage.domain.records import KINDS
from moorage.domain.world import World
from moorage.engine.ports import Commit
from moorage.store.data_directory import DirectoryLock
from moorage.store.database import Change, Database
from moorage.store.memory import StoreClosed
from moorage.store.records import Codec, encode_key

_MOST_IN_A_BATCH: Final = 256


class StoreFailed(Exception):
    """The disk refused a commit. It did not happen; nor does any later one, until the store is opened again."""


@dataclass(frozen=True)
class _Pending:
    """A commit under way: what goes on disk, the World once it is there, and who waits for it."""

    commit: Commit
    changes: list[Change]
    world: World
    done: asyncio.Future[Commit]
    loop: asyncio.AbstractEventLoop


class SqliteStore:
    """Implements `engine.ports.Store`. Made by `open`, in or outside an event loop; used from one event loop."""

    def __init__(self, lock: DirectoryLock, database: Database, codec: Codec) -> None:
        self._lock = lock
        self._database = database
        self._codec = codec
        self._visible = self._ahead = database.load(codec)
        self._listeners: list[Callable[[Commit], None]] = []
        self._last: asyncio.Future[Commit] | None = None
        self._failure: StoreFailed | None = None
        self._closed = False
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="store-writer", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, directory: Path, kinds: Iterable[type[Any]] = KINDS) -> Self:
        """Open or make the store in `directory`. DirectoryInUse, NewerData or DamagedData say why that cannot be."""
        lock = DirectoryLock(directory)
        try:
            database = Database(directory)
            try:
                return cls(lock, database, Codec(kinds))
            except BaseException:
                database.close()
                raise
        except BaseException:
            lock.release()
            raise

    def snapshot(self) -> World:
        return self._visible

    def watch(self, listener: Callable[[Commit], None]) -> None:
        self._listeners.append(listener)

    async def commit(self, writes: Sequence[Write], expect: Expect) -> Commit:
        if self._closed:
            raise StoreClosed("the store is closed")
        if self._failure is not None:
            raise self._failure
        try:
            self._ahead.check_expected(expect)
        except Stale:
            # What made it stale may not be visible yet; whoever plans again at once shall see it.
            await self._settled()
            raise
        pending = self._pending(writes)
        self._ahead = pending.world
        self._last = pending.done
        self._queue.put(pending)
        # Whoever stops waiting does not undo the commit.
        return await asyncio.shield(pending.done)

    def _pending(self, writes: Sequence[Write]) -> _Pending:
        world = self._ahead.apply(writes)
        changes = [
            Change(*_names(write), world.sequence, self._codec.encode(write.record) if isinstance(write, Put) else None)
            for write in writes
        ]
        commit = Commit(world.sequence, tuple(write.id for write in writes))
        loop = asyncio.get_running_loop()
        return _Pending(commit, changes, world, loop.create_future(), loop)

    async def _settled(self) -> None:
        if self._last is not None:
            await asyncio.wait([self._last])

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._writer.join)
        await self._settled()

    # On the writer's thread.

    def _write_all(self) -> None:
        try:
            going_on = True
            while going_on:
                batch, going_on = self._next_batch()
                if batch:
                    self._write(batch)
        finally:
            self._database.close()
            self._lock.release()

    def _next_batch(self) -> tuple[list[_Pending], bool]:
        """Wait for a commit, then take all that came meanwhile; False at the end."""
        batch: list[_Pending] = []
        while len(batch) < _MOST_IN_A_BATCH:
            try:
                pending = self._queue.get(block=not batch)
            except queue.Empty:
                break
            if pending is None:
                return batch, False
            batch.append(pending)
        return batch, True

    def _write(self, batch: list[_Pending]) -> None:
        # Once a commit failed, those after it, which were made on top of it, must not get on disk either.
        if self._failure is None:
            changes = [change for pending in batch for change in pending.changes]
            try:
                self._database.write(changes, batch[-1].commit.sequence)
            except sqlite3.Error as error:
                self._failure = StoreFailed(f"the store could not be written: {error}")
        for pending in batch:
            pending.loop.call_soon_threadsafe(self._publish, pending, self._failure)

    # On the event loop again.

    def _publish(self, pending: _Pending, failure: StoreFailed | None) -> None:
        if failure is not None:
            pending.done.set_exception(failure)
            return
        self._visible = pending.world
        pending.done.set_result(pending.commit)
        for listener in self._listeners:
            listener(pending.commit)


def _names(write: Write) -> tuple[str, str]:
    table, key = write.id
    return table, encode_key(key)
