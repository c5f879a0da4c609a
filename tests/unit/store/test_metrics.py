"""The file of metrics: it keeps what it took, for 15 days, within its bound."""

import sqlite3
from pathlib import Path

import pytest

from moorage.domain.metrics import Listed, Point, Series
from moorage.domain.traffic import Baseline, Counts, Side
from moorage.store.data_directory import StoreRefused
from moorage.store.metrics import FILE, KEPT_MINUTES, SqliteMetrics

A = Series("a", "r", "RequestCount", (("DiscoveryName", "x"),))
B = Series("a", "r", "RequestCount", (("DiscoveryName", "y"),))
FAR = 1 << 40


async def test_points_and_baselines_are_there_after_the_file_was_closed_and_opened(tmp_path: Path) -> None:
    baseline = Baseline(((Side("egress", "x", "http"), Counts({"2xx": 1}, durations=((1.0, 2),))),), {"app": 5}, 6.5)
    first = SqliteMetrics(tmp_path)
    await first.add(61, {A: {1.0: 2}, B: {3.0: 1}}, {"t": baseline})
    await first.add(62, {A: {4.5: 1}}, {"t": baseline})
    await first.close()
    second = SqliteMetrics(tmp_path)
    try:
        assert await second.points(A, 0, FAR) == [Point(61, {1.0: 2}), Point(62, {4.5: 1})]
        assert await second.points(A, 61, 62) == [Point(61, {1.0: 2})]
        assert await second.series("a", "r") == [Listed(A, 62), Listed(B, 61)]
        assert await second.series("a", "elsewhere") == []
        assert await second.baselines() == {"t": baseline}
    finally:
        await second.close()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


async def test_what_is_older_than_15_days_goes_with_its_series(tmp_path: Path) -> None:
    archive = SqliteMetrics(tmp_path)
    try:
        await archive.add(60, {A: {1.0: 1}}, {})
        await archive.add(60 + KEPT_MINUTES, {B: {1.0: 1}}, {})
        assert [listed.series for listed in await archive.series("a", "r")] == [A, B]
        await archive.add(120 + KEPT_MINUTES, {B: {1.0: 1}}, {})
        assert await archive.points(A, 0, FAR) == []
        assert [listed.series for listed in await archive.series("a", "r")] == [B]
    finally:
        await archive.close()


async def test_the_oldest_hours_make_room_when_there_are_too_many_points(tmp_path: Path) -> None:
    archive = SqliteMetrics(tmp_path, max_points=100)
    try:
        for minute in range(1, 301):
            await archive.add(minute, {A: {1.0: 1}}, {})
        kept = [point.minute for point in await archive.points(A, 0, FAR)]
        assert len(kept) <= 100
        assert kept == list(range(kept[0], 301))
    finally:
        await archive.close()


async def test_everything_can_be_forgotten(tmp_path: Path) -> None:
    archive = SqliteMetrics(tmp_path)
    try:
        await archive.add(1, {A: {1.0: 1}}, {"t": Baseline()})
        await archive.clear()
        assert (await archive.series("a", "r"), await archive.baselines()) == ([], {})
    finally:
        await archive.close()


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreRefused, match="another program"):
        SqliteMetrics(tmp_path)
