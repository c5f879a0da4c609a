"""What only a store on disk has to keep to: restarts, the lock, other formats, failing disks, order of visibility."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from moorage.domain.changes import ABSENT, Delete, Put, Stale
from moorage.domain.claim import Claim
from moorage.domain.world import World
from moorage.engine.ports import Commit
from moorage.store.data_directory import DirectoryInUse, DirectoryLock
from moorage.store.database import FILE, SCHEMA_VERSION, Change, DamagedData, Database, NewerData
from moorage.store.records import Codec
from moorage.store.sqlite import SqliteStore, StoreFailed


def claim(name: str, owner: str = "arn:1") -> Claim:
    return Claim("000000000000", "us-east-1", "alias", (name,), owner)


OPEN = """
import sys
from pathlib import Path
from moorage.store.sqlite import SqliteStore
SqliteStore.open(Path(sys.argv[1]))
"""

# No file may grow beyond a limit; SQLite then says what it says on a full disk.
FILL = """
import asyncio, resource, signal, sys
from pathlib import Path
from moorage.domain.changes import Put
from moorage.domain.claim import Claim
from moorage.store.sqlite import SqliteStore, StoreFailed

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        for number in range(1000):
            await store.commit([Put(Claim("0", "r", "k", (str(number),), "o" * 5000))], {})
    except StoreFailed:
        print(number, flush=True)

asyncio.run(main())
"""


def run(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Disk(Database):
    """A database whose writes wait for a word, and can be made to fail as a full disk does."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.go = threading.Event()
        self.writing = threading.Event()
        self.full = False
        self.batches: list[int] = []

    def write(self, changes: list[Change], sequence: int) -> None:
        self.writing.set()
        assert self.go.wait(10)
        self.batches.append(len(changes))
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        super().write(changes, sequence)


async def test_the_world_comes_back_as_it_was_with_its_versions_and_sequence(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "data")
    await store.commit([Put(claim("one")), Put(claim("two", "arn:2"))], {})
    await store.commit([Put(claim("one", "arn:3"))], {})
    await store.commit([Delete(Claim.table, claim("two").key)], {})
    world = store.snapshot()
    await store.close()
    again = SqliteStore.open(tmp_path / "data")
    assert again.snapshot() == world
    assert again.snapshot().linked(Claim, "owner", ("arn:3",)) == [claim("one", "arn:3")]
    with pytest.raises(Stale):
        await again.commit([], {(Claim.table, claim("one").key): 1})
    assert await again.commit([], {(Claim.table, claim("one").key): 2}) == Commit(4, ())
    await again.close()


async def test_nothing_is_seen_or_told_before_it_is_on_disk(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    store = SqliteStore(DirectoryLock(tmp_path), disk, Codec())
    told: list[Commit] = []
    store.watch(told.append)
    waiting = asyncio.create_task(store.commit([Put(claim("one"))], {}))
    assert await asyncio.to_thread(disk.writing.wait, 10)
    stale = asyncio.create_task(store.commit([], {(Claim.table, claim("one").key): ABSENT}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (store.snapshot(), told, waiting.done(), stale.done()) == (World.empty(), [], False, False)
    disk.go.set()
    assert await waiting == Commit(1, ((Claim.table, claim("one").key),))
    with pytest.raises(Stale):
        await stale
    assert store.snapshot().get(Claim, claim("one").key) == claim("one")
    await store.close()


async def test_commits_that_come_during_a_write_go_to_disk_together(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    store = SqliteStore(DirectoryLock(tmp_path), disk, Codec())
    first = asyncio.create_task(store.commit([Put(claim("first"))], {}))
    assert await asyncio.to_thread(disk.writing.wait, 10)
    others = [asyncio.create_task(store.commit([Put(claim(f"{number}"))], {})) for number in range(100)]
    await asyncio.sleep(0)
    disk.go.set()
    await asyncio.gather(first, *others)
    assert disk.batches == [1, 100]
    await store.close()


async def test_a_commit_that_the_disk_refuses_never_happened_and_none_follows_it(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    store = SqliteStore(DirectoryLock(tmp_path), disk, Codec())
    disk.go.set()
    await store.commit([Put(claim("before"))], {})
    disk.full = True
    results = await asyncio.gather(
        *(store.commit([Put(claim(f"{number}"))], {}) for number in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreFailed] * 5
    disk.full = False
    with pytest.raises(StoreFailed, match="disk is full"):
        await store.commit([Put(claim("after"))], {})
    assert list(store.snapshot().all(Claim)) == [claim("before")]
    await store.close()
    again = SqliteStore.open(tmp_path)
    assert list(again.snapshot().all(Claim)) == [claim("before")]
    await again.commit([Put(claim("after"))], {})
    await again.close()


async def test_a_full_disk_keeps_what_was_answered(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    await store.close()
    answered = int(run(FILL, tmp_path).stdout)
    assert 0 < answered < 1000
    again = SqliteStore.open(tmp_path)
    assert {record.name for record in again.snapshot().all(Claim)} == {(str(number),) for number in range(answered)}
    await again.close()


async def test_two_processes_cannot_share_a_directory(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path)
    other = run(OPEN, tmp_path)
    assert other.returncode == 1
    assert "DirectoryInUse: the data directory" in other.stderr
    with pytest.raises(DirectoryInUse) as refused:
        SqliteStore.open(tmp_path)
    assert refused.value.holder > 0
    await store.close()
    again = SqliteStore.open(tmp_path)
    await again.close()


async def test_only_its_owner_may_read_the_store(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "data")
    await store.commit([Put(claim("one"))], {})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert FILE in modes
    await store.close()


def refuse(directory: Path, error: type[Exception], words: str) -> None:
    """Opening is refused, and the directory is free afterwards."""
    with pytest.raises(error, match=words):
        SqliteStore.open(directory)
    DirectoryLock(directory).release()


async def change(directory: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    store = SqliteStore.open(directory)
    await store.commit([Put(claim("one"))], {})
    await store.close()
    with sqlite3.connect(directory / FILE) as connection:
        for statement in statements:
            connection.execute(statement, values)
    connection.close()


async def test_a_directory_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    await change(tmp_path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = (tmp_path / FILE).read_bytes()
    refuse(tmp_path, NewerData, "written by a newer Moorage")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    refuse(tmp_path, DamagedData, "another program")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database " * 100)
    refuse(tmp_path, DamagedData, "not a database")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE records SET body = '{'", "cannot be read"),
        ("UPDATE records SET tbl = 'none'", "cannot be read"),
        ("UPDATE records SET key = '[\"x\"]'", "calls itself"),
        ("DROP TABLE progress", "no such table"),
    ],
)
async def test_a_damaged_record_is_an_error_and_not_a_smaller_world(tmp_path: Path, statement: str, words: str) -> None:
    await change(tmp_path, statement)
    refuse(tmp_path, DamagedData, words)
