"""What an answer was read from, so that it can be told whether it still holds after something else was committed.

A repeatable operation reads one World through a `Reading`, which notes each record and look-up that it gives, absent
ones too. The answer holds in any later World where all of them are the very same; how answers are kept is `answers`'.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import immutables

from moorage.domain.changes import Expect, Key, Link, RecordId, Write
from moorage.domain.ordered_keys import OrderedKeys
from moorage.domain.world import World
from moorage.engine.ports import Commit, Store

R = TypeVar("R")

MOST_NOTED: Final = 5000
"""With more than that it is cheaper to answer again than to see whether all of it is as it was."""

Noted = dict[str, dict[Key, Any]]
_NOTHING: Final["immutables.Map[Any, Any]"] = immutables.Map()


class Read:
    """What was read of one World."""

    def __init__(self, sequence: int) -> None:
        self.records: Noted = defaultdict(dict)
        self.look_ups: dict[tuple[str, Link], OrderedKeys | None] = {}
        # Set where something was read that is not noted one by one: then the answer is this World's only.
        self.everything = False
        self._sequence = sequence

    def holds(self, world: World) -> bool:
        """Whether all that was read is the same in this World."""
        if world.sequence == self._sequence:
            return True
        if self.everything or not self._is_same(world):
            return False
        self._sequence = world.sequence
        return True

    def _is_same(self, world: World) -> bool:
        for table, noted in self.records.items():
            find = world.tables.get(table, _NOTHING).get
            if not all(find(key) is record for key, record in noted.items()):
                return False
        find_look_up = world.look_ups.get
        return all(find_look_up(name) is keys for name, keys in self.look_ups.items())

    @property
    def is_short(self) -> bool:
        """Whether it is worth being looked through."""
        return len(self.look_ups) + sum(len(noted) for noted in self.records.values()) <= MOST_NOTED


class NotedWorld(World):
    """A World that notes what is read of it. What it does not note one by one counts as everything."""

    def __init__(self, world: World) -> None:
        object.__setattr__(self, "_world", world)
        object.__setattr__(self, "read", Read(world.sequence))

    _world: World
    read: Read

    def get(self, kind: type[R], key: Key) -> R | None:
        table: str = kind.table  # type: ignore[attr-defined]  # every kind of record has one (`changes.Record`)
        found: R | None = self._world.tables.get(table, _NOTHING).get(key)
        self.read.records[table][key] = found
        return found

    def each_linked(self, kind: type[R], link: Link, after: Key | None = None, descending: bool = False) -> Iterator[R]:
        records = self.read.records[self._noted(kind, link)]
        for found in self._world.each_linked(kind, link, after, descending):
            record: Any = found
            records[record.key] = record
            yield found

    def is_linked(self, record: Any, link: Link) -> bool:
        self._noted(type(record), link)
        return self._world.is_linked(record, link)

    def count_linked(self, kind: type[Any], look_up: str, key: Key) -> int:
        name = (kind.table, (look_up, key))
        found = self.read.look_ups[name] = self._world.look_ups.get(name)
        return 0 if found is None else len(found)

    def _noted(self, kind: type[Any], link: Link) -> str:
        """Note the look-up; its table."""
        table: str = kind.table
        self.read.look_ups[(table, link)] = self._world.look_ups.get((table, link))
        return table

    @property
    def sequence(self) -> int:
        return self._whole().sequence

    @property
    def tables(self) -> immutables.Map[str, immutables.Map[Key, Any]]:
        return self._whole().tables

    @property
    def versions(self) -> immutables.Map[RecordId, int]:
        return self._whole().versions

    @property
    def look_ups(self) -> immutables.Map[tuple[str, Link], OrderedKeys]:
        return self._whole().look_ups

    def _whole(self) -> World:
        self.read.everything = True
        return self._world


class Reading:
    """Implements `engine.ports.Store` for one call that reads: all of it reads the same World."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._world = NotedWorld(store.snapshot())

    @property
    def read(self) -> Read:
        return self._world.read

    def snapshot(self) -> World:
        return self._world

    async def commit(self, writes: Sequence[Write], expect: Expect) -> Commit:
        """What writes is not repeatable, and does not come here."""
        raise TypeError("a repeatable operation reads only; its row in the support table says otherwise")

    def watch(self, listener: Callable[[Commit], None]) -> None:
        self._store.watch(listener)

    async def close(self) -> None:
        """The store is not this one's to close."""
