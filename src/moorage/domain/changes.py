"""Writes to a World and what they rest on. A commit is a set of Puts and Deletes plus expected versions of records.

`expect` names the records a decision was made from. A version that has moved on means that the decision is stale.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

Key = tuple[str, ...]
"""Every key begins with account and region, so a second region or account is a second set of names."""

RecordId = tuple[str, Key]
"""A record's table and its key in it."""

Link = tuple[str, Key]
"""The name of a look-up and the key that it is looked up by, e.g. ("service", key of the service)."""

Expect = Mapping[RecordId, int]
"""Expected versions by record; ABSENT means that there must be no such record."""

ABSENT: Final = 0


class Record(Protocol):
    """What the World stores: a frozen dataclass with a table, a key, and the look-ups that it is found by."""

    table: ClassVar[str]

    @property
    def key(self) -> Key: ...

    def links(self) -> tuple[Link, ...]: ...


@dataclass(frozen=True)
class Put:
    """Write a record, whether or not there was one under its key."""

    record: Any

    @property
    def id(self) -> RecordId:
        return (self.record.table, self.record.key)


@dataclass(frozen=True)
class Delete:
    """Take a record away; nothing happens if there is none."""

    table: str
    key: Key

    @property
    def id(self) -> RecordId:
        return (self.table, self.key)


Write = Put | Delete


class Stale(Exception):
    """A commit was refused whole, because `record` is no longer at the version that the decision was made from."""

    def __init__(self, record: RecordId, expected: int, found: int) -> None:
        super().__init__(f"{record[0]} {'/'.join(record[1])}: expected version {expected}, found {found}")
        self.record = record
        self.expected = expected
        self.found = found
