"""Whatever is committed, both stores hold the same World, and SQLite holds it still when it is opened again."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain.changes import ABSENT, Delete, Expect, Put, Stale, Write
from moorage.domain.claim import Claim
from moorage.engine.ports import Commit, Store
from moorage.store.memory import MemoryStore
from moorage.store.sqlite import SqliteStore

NAMES = st.sampled_from(["a", "b", "c"])


def claim(name: str, owner: str) -> Claim:
    return Claim("000000000000", "us-east-1", "alias", (name,), owner)


def record_id(name: str) -> tuple[str, tuple[str, ...]]:
    return (Claim.table, claim(name, "").key)


WRITES = st.one_of(
    st.builds(lambda name, owner: Put(claim(name, owner)), NAMES, st.text(max_size=2)),
    st.builds(lambda name: Delete(*record_id(name)), NAMES),
)
EXPECTED = st.dictionaries(NAMES.map(record_id), st.integers(ABSENT, 4), max_size=2)
COMMITS = st.lists(st.tuples(st.lists(WRITES, max_size=3), EXPECTED), max_size=8)


def content(store: Store) -> tuple[object, ...]:
    """The World, but for tables without a record: whether there was one once means nothing."""
    world = store.snapshot()
    tables = {name: records for name, records in world.tables.items() if len(records)}
    return world.sequence, tables, world.versions, world.look_ups


async def outcome(store: Store, writes: list[Write], expect: Expect) -> Commit | str:
    try:
        return await store.commit(writes, expect)
    except Stale as stale:
        return str(stale)


async def both_agree(directory: Path, commits: list[tuple[list[Write], Expect]]) -> None:
    memory, sqlite = MemoryStore(), SqliteStore.open(directory)
    try:
        for writes, expect in commits:
            assert await outcome(sqlite, writes, expect) == await outcome(memory, writes, expect)
            assert content(sqlite) == content(memory)
    finally:
        await sqlite.close()
    again = SqliteStore.open(directory)
    try:
        assert content(again) == content(memory)
    finally:
        await again.close()


@settings(max_examples=60, deadline=None)
@given(COMMITS)
def test_the_stores_agree_after_every_commit_and_after_a_restart(commits: list[tuple[list[Write], Expect]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(both_agree(Path(directory), commits))
