"""The SQLite file of a store: its schema, how it is opened and read, and how a batch of commits gets on disk.

Blocking, used by one thread at a time; `sqlite` puts it behind an event loop. One table of records, one row for the
sequence, `application_id` and `user_version` in the header so that a stranger's or a newer file is told by name.
"""

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from moorage.domain.changes import Put, RecordId
from moorage.domain.world import World
from moorage.store.data_directory import StoreRefused
from moorage.store.records import Codec, decode_key

FILE: Final = "moorage.sqlite3"
APPLICATION_ID: Final = 0x4D4F4F52  # "MOOR"
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = (
    "CREATE TABLE records (tbl TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL, "
    "PRIMARY KEY (tbl, key)) WITHOUT ROWID",
    # Kept apart from the records: after a deletion no record says how far the count had come.
    "CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL)",
    "INSERT INTO progress VALUES (1, 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class NewerData(StoreRefused):
    """A newer Moorage wrote the directory; an older one would misread it."""

    def __init__(self, file: Path, found: int) -> None:
        super().__init__(
            f"{file} was written by a newer Moorage (its format is {found}, this one knows {SCHEMA_VERSION}); "
            "upgrade Moorage, or choose another directory with --data-dir"
        )
        self.found = found


class DamagedData(StoreRefused):
    """The file is no store of Moorage's, or cannot be read."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} cannot be used: {why}")


@dataclass(frozen=True)
class Change:
    """One record's change: its body at a version, or None where the record is deleted."""

    table: str
    key: str
    version: int
    body: bytes | None


class Database:
    """An open store file."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # Autocommit mode: transactions are begun and ended by name. Opened in one thread, later used in another.
        self._connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        try:
            with self._named_errors():
                self._set_up()
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self) -> None:
        run = self._connection.execute
        found = run("PRAGMA user_version").fetchone()[0]
        application = run("PRAGMA application_id").fetchone()[0]
        is_new = run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if application != APPLICATION_ID and not is_new:
            raise DamagedData(self._file, "it is a database of another program")
        if found > SCHEMA_VERSION:
            raise NewerData(self._file, found)
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        if is_new:
            self._transaction(lambda: [run(statement) for statement in _SCHEMA])

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise DamagedData(self._file, str(error)) from error

    def load(self, codec: Codec) -> World:
        """The World as of the last commit that got on disk."""
        with self._named_errors(), _no_collection():
            return self._load(codec)

    def _load(self, codec: Codec) -> World:
        sequence = self._connection.execute("SELECT sequence FROM progress").fetchone()[0]
        rows = self._connection.execute("SELECT tbl, key, version, body FROM records")
        versions: dict[RecordId, int] = {}
        writes = []
        for table, key, version, body in rows:
            try:
                write = Put(codec.decode(table, body))
                is_itself = write.id == (table, decode_key(key))
            except (KeyError, msgspec.MsgspecError) as error:
                raise DamagedData(self._file, f"the record {table} {key} cannot be read: {error}") from error
            if not is_itself:
                raise DamagedData(self._file, f"the record {table} {key} calls itself {write.id}")
            versions[write.id] = version
            writes.append(write)
        return World.empty().restore(writes, sequence, versions)

    def write(self, changes: list[Change], sequence: int) -> None:
        """Put a batch of changes on disk, in order, all or none; sqlite3.Error when that failed."""
        self._transaction(lambda: self._apply(changes, sequence))

    def _apply(self, changes: list[Change], sequence: int) -> None:
        for change in changes:
            if change.body is None:
                self._connection.execute("DELETE FROM records WHERE tbl = ? AND key = ?", (change.table, change.key))
            else:
                row = (change.table, change.key, change.version, change.body)
                self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)
        self._connection.execute("UPDATE progress SET sequence = ?", (sequence,))

    def _transaction(self, act: Callable[[], object]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            act()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cyclic collector: it would look through all records again and again, and none is garbage."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
