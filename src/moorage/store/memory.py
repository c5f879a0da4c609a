"""MemoryStore: the World in memory and nowhere else. For tests and simulation; refuses what SQLite would refuse."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moorage.domain.changes import Expect, Put, Write
from moorage.domain.records import KINDS
from moorage.domain.world import World
from moorage.engine.ports import Commit
from moorage.store.records import Codec


class StoreClosed(Exception):
    """A commit came after `close`."""


class MemoryStore:
    """Implements `engine.ports.Store`. A commit is visible before `commit` first waits for anything."""

    def __init__(self, kinds: Iterable[type[Any]] = KINDS, world: World | None = None) -> None:
        self._codec = Codec(kinds)
        self._world = World.empty() if world is None else world
        self._listeners: list[Callable[[Commit], None]] = []
        self._closed = False

    def snapshot(self) -> World:
        return self._world

    async def commit(self, writes: Sequence[Write], expect: Expect) -> Commit:
        if self._closed:
            raise StoreClosed("the store is closed")
        for write in writes:
            if isinstance(write, Put):
                self._codec.encode(write.record)
        self._world.check_expected(expect)
        self._world = self._world.apply(writes)
        commit = Commit(self._world.sequence, tuple(write.id for write in writes))
        for listener in self._listeners:
            listener(commit)
        return commit

    def watch(self, listener: Callable[[Commit], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        self._closed = True
