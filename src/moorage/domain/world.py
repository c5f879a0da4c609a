"""The World: one immutable picture of everything stored, with look-ups kept beside the records.

`apply` gives the next World at a cost that depends on the writes, hardly on how much is stored: tables are persistent
maps, look-ups persistent ordered sets. Taking a snapshot is taking a reference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import immutables

from moorage.domain import standing
from moorage.domain.changes import ABSENT, Delete, Expect, Key, Link, Put, RecordId, Stale, Write
from moorage.domain.ordered_keys import EMPTY, OrderedKeys
from moorage.domain.standing import Standing

R = TypeVar("R")


def _empty() -> immutables.Map[Any, Any]:
    return immutables.Map()


@dataclass(frozen=True)
class World:
    """All records, their versions, and the look-ups. `sequence` counts commits."""

    sequence: int
    tables: immutables.Map[str, immutables.Map[Key, Any]]
    versions: immutables.Map[RecordId, int]
    look_ups: immutables.Map[tuple[str, Link], OrderedKeys]

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
        return list(self.each_linked(kind, (look_up, key)))

    def each_linked(self, kind: type[R], link: Link, after: Key | None = None, descending: bool = False) -> Iterator[R]:
        """As `linked`, one by one, only those from the record that follows the one with the key `after`."""
        table = _table(kind)
        records = self.tables.get(table, _empty())
        found = self.look_ups.get((table, link), EMPTY)
        if descending:
            keys = found.before(after)
        else:
            keys = iter(found) if after is None else found.after(after)
        return map(records.__getitem__, keys)

    def is_linked(self, record: Any, link: Link) -> bool:
        """Whether `linked` would give this record, which is in the World."""
        return record.key in self.look_ups.get((record.table, link), EMPTY)

    def count_linked(self, kind: type[Any], look_up: str, key: Key) -> int:
        """How many records `linked` would give, without building them."""
        return len(self.look_ups.get((_table(kind), (look_up, key)), EMPTY))

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
        self._world = world
        self._tables = dict(world.tables.items())
        self._records: dict[str, immutables.MapMutation[Key, Any]] = {}
        self._versions = world.versions.mutate()
        # By look-up, the keys that shall be in it (True) or not (False): a look-up is made anew once per commit.
        self._linked: dict[tuple[str, Link], dict[Key, bool]] = {}
        self._affected: dict[tuple[str, Key], Standing] = {}

    def get(self, kind: type[R], key: Key) -> R | None:
        """The record as it is after the writes so far."""
        table = _table(kind)
        records: Any = self._records.get(table)
        found: R | None = (self._tables.get(table, _empty()) if records is None else records).get(key)
        return found

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
        if table in standing.AFFECTED:
            affected, whose = standing.AFFECTED[table]
            self._affected[(_table(affected.subject), whose(key))] = affected

    def _relink(self, table: str, key: Key, old: frozenset[Link], new: frozenset[Link]) -> None:
        if old == new:
            return
        for links, there in ((old - new, False), (new - old, True)):
            for link in links:
                self._linked.setdefault((table, link), {})[key] = there

    def finish(self, sequence: int) -> World:
        for (table, key), affected in self._affected.items():
            old, new = frozenset(affected.links(self._world, key)), frozenset(affected.links(self, key))
            self._relink(table, key, old, new)
        tables = immutables.Map(self._tables | {table: records.finish() for table, records in self._records.items()})
        return World(sequence, tables, self._versions.finish(), self._finished_look_ups())

    def _finished_look_ups(self) -> "immutables.Map[tuple[str, Link], OrderedKeys]":
        look_ups = self._world.look_ups.mutate()
        for link, changes in self._linked.items():
            keys = self._world.look_ups.get(link, EMPTY).changed(changes)
            if keys:
                look_ups[link] = keys
            else:
                look_ups.pop(link, None)
        return look_ups.finish()


def _links(record: Any) -> frozenset[Link]:
    return frozenset((("scope", record.key[:2]), *record.links()))


def _table(kind: type[Any]) -> str:
    table: str = kind.table
    return table
