"""Log events in a SQLite file of their own, bounded: when it is full, the oldest arrivals make room.

A batch is on disk before `append` returns. What a stream or a group is, and which events have expired, the caller
knows; here are only the ids of streams. All work is done by one thread, off the event loop.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from moorage.domain.logs import LogEvent, Position, Span, StoredEvent, StreamSummary
from moorage.store.single_file import Format, SingleFile

FILE: Final = "logs.sqlite3"
APPLICATION_ID: Final = 0x4D4F4C47  # "MOLG"
SCHEMA_VERSION: Final = 1
MAX_BYTES: Final = 256 << 20
_FREED: Final = 0.1
"""How much is freed at once when the file is full, so that this is not done for every batch."""

_SCHEMA: Final = (
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, timestamp INTEGER NOT NULL, "
    "ingested INTEGER NOT NULL, size INTEGER NOT NULL, message TEXT NOT NULL)",
    "CREATE INDEX events_in_time ON events (stream, timestamp, id)",
)


class SqliteLogEvents:
    """The events of all streams. `max_bytes` bounds their text, which the file outgrows by its index only."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._file = SingleFile(directory / FILE, Format(APPLICATION_ID, SCHEMA_VERSION, _SCHEMA))
        self._size: int = self._file.connection.execute("SELECT coalesce(sum(size), 0) FROM events").fetchone()[0]

    async def append(self, stream: str, events: Sequence[LogEvent], ingested: int, oldest: int) -> None:
        """Add events to a stream; those of it that are older than `oldest` go."""
        await self._file.run(lambda: self._append(stream, events, ingested, oldest))

    async def read(self, span: Span, limit: int, newest: bool = False) -> list[StoredEvent]:
        """At most `limit` events of the span in their order: the first ones, or with `newest` the last ones."""
        return await self._file.run(lambda: self._read(span, limit, newest))

    async def summaries(self, streams: Sequence[str], oldest: int) -> dict[str, StreamSummary]:
        """What each of the streams holds from `oldest` on; a stream without events is not among them."""
        return await self._file.run(lambda: self._summaries(streams, oldest))

    async def forget(self, streams: Sequence[str]) -> None:
        """Take away all events of these streams."""
        await self._file.run(lambda: self._forget(streams))

    async def clear(self) -> None:
        """Take away all events there are."""
        await self._file.run(self._clear)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await self._file.close()

    def _append(self, stream: str, events: Sequence[LogEvent], ingested: int, oldest: int) -> None:
        added = sum(event.size for event in events)
        rows = [(stream, event.timestamp, ingested, event.size, event.message) for event in events]
        with self._file.connection:
            self._file.connection.executemany(
                "INSERT INTO events (stream, timestamp, ingested, size, message) VALUES (?, ?, ?, ?, ?)", rows
            )
            freed = self._delete("stream = ? AND timestamp < ?", (stream, oldest))
            if self._size + added - freed > self._max_bytes:
                freed += self._make_room(self._size + added - freed)
        self._size += added - freed

    def _make_room(self, size: int) -> int:
        """Delete the oldest arrivals until a part of the bound is free; how much that was."""
        goal, freed, last = size - int(self._max_bytes * (1 - _FREED)), 0, 0
        cursor = self._file.connection.execute("SELECT id, size FROM events ORDER BY id")
        while freed < goal and (row := cursor.fetchone()) is not None:
            last, freed = row[0], freed + row[1]
        cursor.close()
        self._file.connection.execute("DELETE FROM events WHERE id <= ?", (last,))
        return freed

    def _delete(self, condition: str, values: Sequence[object]) -> int:
        gone = self._file.connection.execute(f"DELETE FROM events WHERE {condition} RETURNING size", values)
        return sum(size for (size,) in gone.fetchall())

    def _read(self, span: Span, limit: int, newest: bool) -> list[StoredEvent]:
        conditions = [f"stream IN ({_marks(span.streams)})", "timestamp >= ?", "timestamp < ?"]
        values: list[object] = [*span.streams, span.start, span.end]
        for sign, position in ((">", span.after), ("<", span.before)):
            if position is not None:
                conditions.append(f"(timestamp, id) {sign} (?, ?)")
                values += (position.timestamp, position.id)
        order = "DESC" if newest else "ASC"
        rows = self._file.connection.execute(
            f"SELECT stream, timestamp, id, ingested, message FROM events WHERE {' AND '.join(conditions)} "
            f"ORDER BY timestamp {order}, id {order} LIMIT ?",
            (*values, limit),
        ).fetchall()
        found = [StoredEvent(row[0], Position(row[1], row[2]), row[3], row[4]) for row in rows]
        return found[::-1] if newest else found

    def _summaries(self, streams: Sequence[str], oldest: int) -> dict[str, StreamSummary]:
        rows = self._file.connection.execute(
            "SELECT stream, min(timestamp), max(timestamp), max(ingested), sum(size) FROM events "
            f"WHERE stream IN ({_marks(streams)}) AND timestamp >= ? GROUP BY stream",
            (*streams, oldest),
        )
        return {stream: StreamSummary(*rest) for stream, *rest in rows}

    def _forget(self, streams: Sequence[str]) -> None:
        with self._file.connection:
            freed = sum(self._delete("stream = ?", (stream,)) for stream in streams)
        self._size -= freed

    def _clear(self) -> None:
        with self._file.connection:
            self._file.connection.execute("DELETE FROM events")
        self._size = 0


def _marks(values: Iterable[object]) -> str:
    return ",".join("?" for _ in values)
