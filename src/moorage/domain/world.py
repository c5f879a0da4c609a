"""The World: one immutable picture of everything stored, with look-ups kept beside the records.

`apply` gives the next World at a cost that depends on the writes alone, not on how much is stored: tables and
look-ups are persistent maps. Taking a snapshot is taking a reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import immutables

from moorage.domain.changes import ABSENT, Delete, Expect, Key, Link, Put, RecordId, Stale, Write

R = TypeVar("R")


def _empty() -> immutables.Map[Any, Any]:
    return immutables.Map()


@dataclass(frozen=True)
class World:
    """All records, their versions, and the look-ups. `sequence` counts commits."""

    sequence: int
    tables: immutables.Map[str, immutables.Map[Key, Any]]
    versions: immutables.Map[RecordId, int]
    look_ups: immutables.Map[tuple[str, Link], immutables.Map[Key, None]]

    @classmethod
    def empty(cls) -> Self:
        return cls(0, _empty(), _empty(), _empty())

    def get(self, kind: type[R], key: Key) -> R | None:
        """The record of this kind under `key`, or None."""
        records: immutables.Map[Key, R] = self.tables.get(_table(kind), _empty())
        return records.get(key)

    def version(self, kind: type[Any], key: Key) -> int:
        """The sequence of the commit that last wrote the record; ABSENT if there is none."""
        return self.versions.get((_table(kind), key), ABSENT)

    def linked(self, kind: type[R], look_up: str, key: Key) -> list[R]:
        """The records of this kind that link to `key` under the name `look_up`, ordered by their own keys."""
        table = _table(kind)
        records = self.tables.get(table, _empty())
        return [records[found] for found in sorted(self.look_ups.get((table, (look_up, key)), _empty()))]

    def count_linked(self, kind: type[Any], look_up: str, key: Key) -> int:
        """How many records `linked` would give, without building them."""
        return len(self.look_ups.get((_table(kind), (look_up, key)), _empty()))

    def within(self, kind: type[R], account: str, region: str) -> list[R]:
        """All records of this kind in one account and region, ordered by key."""
        return self.linked(kind, "scope", (account, region))

    def all(self, kind: type[R]) -> Iterator[R]:
        """All records of this kind, of every account and region, in no particular order."""
        records: immutables.Map[Key, R] = self.tables.get(_table(kind), _empty())
        return iter(records.values())

    def check_expected(self, expect: Expect) -> None:
        """Raise Stale if a record is not at its expected version."""
        for record, expected in expect.items():
            found = self.versions.get(record, ABSENT)
            if found != expected:
                raise Stale(record, expected, found)

    def apply(self, writes: Iterable[Write]) -> "World":
        """The World after one more commit of `writes`."""
        return self.restore(writes, self.sequence + 1, None)

    def restore(self, writes: Iterable[Write], sequence: int, versions: dict[RecordId, int] | None) -> "World":
        """As `apply`, with the sequence given and, when a store loads itself, each record's stored version."""
        draft = _Draft(self)
        for write in writes:
            version = sequence if versions is None else versions[write.id]
            draft.write(write, version)
        return draft.finish(sequence)


class _Draft:
    """The maps of a World while a commit is applied to them."""

    def __init__(self, world: World) -> None:
        self._tables = dict(world.tables.items())
        self._records: dict[str, immutables.MapMutation[Key, Any]] = {}
        self._versions = world.versions.mutate()
        self._look_ups = world.look_ups.mutate()

    def write(self, write: Write, version: int) -> None:
        table, key = write.id
        records = self._records.get(table)
        if records is None:
            records = self._records[table] = self._tables.get(table, _empty()).mutate()
        old = records.get(key)
        old_links = frozenset() if old is None else _links(old)
        match write:
            case Put(record):
                records[key] = record
                self._versions[write.id] = version
                self._relink(table, key, old_links, _links(record))
            case Delete():
                if old is not None:
                    del records[key]
                    del self._versions[write.id]
                self._relink(table, key, old_links, frozenset())

    def _relink(self, table: str, key: Key, old: frozenset[Link], new: frozenset[Link]) -> None:
        for link in old - new:
            rest = self._look_ups[(table, link)].delete(key)
            if rest:
                self._look_ups[(table, link)] = rest
            else:
                del self._look_ups[(table, link)]
        for link in new - old:
            self._look_ups[(table, link)] = self._look_ups.get((table, link), _empty()).set(key, None)

    def finish(self, sequence: int) -> World:
        tables = immutables.Map(self._tables | {table: records.finish() for table, records in self._records.items()})
        return World(sequence, tables, self._versions.finish(), self._look_ups.finish())


def _links(record: Any) -> frozenset[Link]:
    return frozenset((("scope", record.key[:2]), *record.links()))


def _table(kind: type[Any]) -> str:
    table: str = kind.table
    return table
