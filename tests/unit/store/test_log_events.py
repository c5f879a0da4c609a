"""The file of log events: it keeps what it took, and it stays within its bound."""

import sqlite3
from pathlib import Path

import pytest

from moorage.domain.logs import LogEvent, Span
from moorage.store.data_directory import StoreRefused
from moorage.store.log_events import APPLICATION_ID, FILE, SqliteLogEvents


def batch(start: int, count: int, size: int = 1) -> list[LogEvent]:
    return [LogEvent(start + index, "m" * size) for index in range(count)]


def everything(*streams: str) -> Span:
    return Span(streams, 0, 1 << 62)


async def test_events_are_there_after_the_file_was_closed_and_opened(tmp_path: Path) -> None:
    first = SqliteLogEvents(tmp_path)
    await first.append("s", batch(1, 3), ingested=5, oldest=0)
    await first.close()
    second = SqliteLogEvents(tmp_path)
    try:
        assert [event.position.timestamp for event in await second.read(everything("s"), 10)] == [1, 2, 3]
    finally:
        await second.close()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("reopen", [False, True])
async def test_the_oldest_arrivals_make_room_when_the_file_is_full(tmp_path: Path, reopen: bool) -> None:
    archive = SqliteLogEvents(tmp_path, max_bytes=100_000)
    try:
        for start in range(0, 400, 10):
            await archive.append("s" if start % 20 else "t", batch(start, 10, size=974), ingested=start, oldest=0)
            if reopen and start == 200:
                await archive.close()
                archive = SqliteLogEvents(tmp_path, max_bytes=100_000)
            held = await archive.summaries(["s", "t"], 0)
            assert sum(stream.size for stream in held.values()) <= 100_000
        kept = [event.position.timestamp for event in await archive.read(everything("s", "t"), 1000)]
        assert kept == list(range(400 - len(kept), 400))
        assert len(kept) >= 80
    finally:
        await archive.close()


async def test_what_expired_goes_with_the_next_batch_of_its_stream(tmp_path: Path) -> None:
    archive = SqliteLogEvents(tmp_path)
    try:
        await archive.append("s", batch(1, 3), ingested=1, oldest=0)
        await archive.append("t", batch(1, 3), ingested=1, oldest=0)
        await archive.append("s", batch(10, 1), ingested=2, oldest=3)
        assert [event.position.timestamp for event in await archive.read(everything("s"), 10)] == [3, 10]
        assert len(await archive.read(everything("t"), 10)) == 3
    finally:
        await archive.close()


async def test_a_forgotten_stream_is_empty_and_others_are_not(tmp_path: Path) -> None:
    archive = SqliteLogEvents(tmp_path)
    try:
        for stream in ("s", "t"):
            await archive.append(stream, batch(1, 2), ingested=1, oldest=0)
        await archive.forget(["s"])
        assert set(await archive.summaries(["s", "t"], 0)) == {"t"}
        await archive.clear()
        assert await archive.summaries(["s", "t"], 0) == {}
    finally:
        await archive.close()


@pytest.mark.parametrize(
    ("application", "version", "why"), [(1, 1, "another program"), (APPLICATION_ID, 99, "newer Moorage")]
)
def test_a_file_of_another_program_or_a_newer_version_is_refused(
    tmp_path: Path, application: int, version: int, why: str
) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.executescript(
        f"CREATE TABLE x (y); PRAGMA application_id = {application}; PRAGMA user_version = {version};"
    )
    connection.close()
    with pytest.raises(StoreRefused, match=why):
        SqliteLogEvents(tmp_path)
