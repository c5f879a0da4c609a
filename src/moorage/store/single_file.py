"""A SQLite file that one part of the store keeps for itself: opened, worked on by one thread, closed.

A file that is not its own is refused. What is in it is its owner's affair.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from moorage.store.data_directory import StoreRefused

T = TypeVar("T")


@dataclass(frozen=True)
class Format:
    """What marks a file as one's own, and the statements that make a new one."""

    application_id: int
    version: int
    schema: Sequence[str]


class SingleFile:
    """The file, made if it is not there. All work on `connection` is done by one thread, off the event loop.

    StoreRefused if the file belongs to another program or a newer Moorage.
    """

    def __init__(self, file: Path, wanted: Format) -> None:
        self.connection = _opened(file, wanted)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=file.stem)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, done after all that was asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await self.run(self.connection.close)
        self._thread.shutdown()


def _opened(file: Path, wanted: Format) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        _set_up(connection, file, wanted)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreRefused(f"{file} cannot be used: {error}") from error
    except StoreRefused:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, file: Path, wanted: Format) -> None:
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if not is_new and connection.execute("PRAGMA application_id").fetchone()[0] != wanted.application_id:
        raise StoreRefused(f"{file} cannot be used: it is a database of another program")
    if found > wanted.version:
        raise StoreRefused(f"{file} was written by a newer Moorage (its format is {found}); upgrade Moorage")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if is_new:
        marks = (f"PRAGMA application_id = {wanted.application_id}", f"PRAGMA user_version = {wanted.version}")
        connection.executescript(f"BEGIN; {'; '.join((*wanted.schema, *marks))}; COMMIT;")
