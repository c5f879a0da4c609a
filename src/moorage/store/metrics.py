"""Points of CloudWatch metrics in a SQLite file of their own: 15 days of minutes, within a bound.

When there are too many, the oldest hours go first (docs/decisions/0182). What a series means is not known here. All
work is done by one thread, off the event loop.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from moorage.domain.metrics import Listed, Point, Samples, Series
from moorage.domain.traffic import Baseline
from moorage.store.single_file import Format, SingleFile

FILE: Final = "metrics.sqlite3"
APPLICATION_ID: Final = 0x4D4F4D45  # "MOME"
SCHEMA_VERSION: Final = 1
KEPT_MINUTES: Final = 15 * 24 * 60
MAX_POINTS: Final = 4_000_000
"""About 250 MB."""
_HOUR: Final = 60

_SCHEMA: Final = (
    "CREATE TABLE series (id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "dimensions BLOB NOT NULL, last INTEGER NOT NULL, UNIQUE (account, region, name, dimensions))",
    "CREATE TABLE points (series INTEGER NOT NULL, minute INTEGER NOT NULL, samples BLOB NOT NULL, "
    "PRIMARY KEY (series, minute)) WITHOUT ROWID",
    "CREATE INDEX points_in_time ON points (minute)",
    "CREATE TABLE baselines (task TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
)
_encode: Final = msgspec.msgpack.Encoder().encode
_SAMPLES: Final = msgspec.msgpack.Decoder(dict[float, int])
_DIMENSIONS: Final = msgspec.msgpack.Decoder(tuple[tuple[str, str], ...])
_BASELINE: Final = msgspec.msgpack.Decoder(Baseline)


class SqliteMetrics:
    """The points of all series. `max_points` bounds how many are kept."""

    def __init__(self, directory: Path, max_points: int = MAX_POINTS) -> None:
        self._max_points = max_points
        self._file = SingleFile(directory / FILE, Format(APPLICATION_ID, SCHEMA_VERSION, _SCHEMA))

    async def add(self, minute: int, points: Mapping[Series, Samples], baselines: Mapping[str, Baseline]) -> None:
        """Keep the points of a minute, and these baselines instead of the former ones; what is too old goes."""
        await self._file.run(lambda: self._add(minute, points, baselines))

    async def baselines(self) -> dict[str, Baseline]:
        """The baselines that were kept last, by task id."""
        return await self._file.run(self._baselines)

    async def series(self, account: str, region: str) -> list[Listed]:
        """Every series of the account and region that has a point, ordered."""
        return await self._file.run(lambda: self._series(account, region))

    async def points(self, series: Series, first: int, end: int) -> list[Point]:
        """The series's points of the minutes from `first` on and before `end`, in order."""
        return await self._file.run(lambda: self._points(series, first, end))

    async def clear(self) -> None:
        """Forget everything."""
        await self._file.run(self._clear)

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await self._file.close()

    def _add(self, minute: int, points: Mapping[Series, Samples], baselines: Mapping[str, Baseline]) -> None:
        with self._file.connection as connection:
            rows = [(self._id(series, minute), minute, _encode(dict(samples))) for series, samples in points.items()]
            connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?)", rows)
            connection.execute("DELETE FROM baselines")
            kept = [(task, _encode(baseline)) for task, baseline in baselines.items()]
            connection.executemany("INSERT INTO baselines VALUES (?, ?)", kept)
            if minute % _HOUR == 0:
                self._make_room(minute)

    def _make_room(self, minute: int) -> None:
        """Delete what is too old, then whole hours from the oldest on until few enough are left."""
        oldest = minute - KEPT_MINUTES
        while True:
            self._file.connection.execute("DELETE FROM points WHERE minute < ?", (oldest,))
            (count, first) = self._file.connection.execute("SELECT count(*), min(minute) FROM points").fetchone()
            if count <= self._max_points or first is None or first >= minute:
                break
            oldest = first + _HOUR
        self._file.connection.execute("DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM points WHERE series = id)")

    def _id(self, series: Series, minute: int) -> int:
        (found,) = self._file.connection.execute(
            "INSERT INTO series (account, region, name, dimensions, last) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (account, region, name, dimensions) DO UPDATE SET last = max(last, excluded.last) "
            "RETURNING id",
            (series.account, series.region, series.name, _encode(series.dimensions), minute),
        ).fetchone()
        return int(found)

    def _baselines(self) -> dict[str, Baseline]:
        return {
            task: _BASELINE.decode(body)
            for task, body in self._file.connection.execute("SELECT task, body FROM baselines").fetchall()
        }

    def _series(self, account: str, region: str) -> list[Listed]:
        rows: Sequence[tuple[str, bytes, int]] = self._file.connection.execute(
            "SELECT name, dimensions, last FROM series WHERE account = ? AND region = ?", (account, region)
        ).fetchall()
        found = [Listed(Series(account, region, name, _DIMENSIONS.decode(body)), last) for name, body, last in rows]
        return sorted(found, key=lambda listed: listed.series)

    def _points(self, series: Series, first: int, end: int) -> list[Point]:
        rows = self._file.connection.execute(
            "SELECT minute, samples FROM points WHERE minute >= ? AND minute < ? AND series = (SELECT id FROM series "
            "WHERE account = ? AND region = ? AND name = ? AND dimensions = ?) ORDER BY minute",
            (first, end, series.account, series.region, series.name, _encode(series.dimensions)),
        ).fetchall()
        return [Point(minute, _SAMPLES.decode(body)) for minute, body in rows]

    def _clear(self) -> None:
        with self._file.connection as connection:
            for table in ("points", "series", "baselines"):
                connection.execute(f"DELETE FROM {table}")
