"""Who follows a file hears of each writing after its last look, once, and of none that it does not follow."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.runtime.writings import Writings

from .conftest import DEADLINE, Bench, run, until


@pytest.fixture
async def writings() -> AsyncIterator[Writings]:
    made = Writings()
    yield made
    made.close()


async def heard(news: asyncio.Event) -> None:
    await asyncio.wait_for(news.wait(), DEADLINE)
    news.clear()


async def test_a_writing_is_told_once_for_each_time_that_it_is_asked_for(writings: Writings, tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    other.mkdir()
    news, last = asyncio.Event(), asyncio.Event()
    for text in ("made", "more"):
        assert writings.tell([tmp_path], news)
        with file.open("a") as writing:
            writing.write(text)
        await heard(news)
    assert writings.tell([other], last)
    file.write_text("nobody asked")
    (other / "file").write_text("asked")
    await heard(last)
    assert not news.is_set()


async def test_a_file_that_takes_the_place_of_another_is_told(writings: Writings, tmp_path: Path) -> None:
    place, news = tmp_path / "followed", asyncio.Event()
    place.mkdir()
    (tmp_path / "new").write_text("new")
    assert writings.tell([place], news)
    (tmp_path / "new").rename(place / "file")
    await heard(news)


async def test_all_who_follow_a_directory_are_told(writings: Writings, tmp_path: Path) -> None:
    first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
    for news in (first, second, third):
        assert writings.tell([tmp_path / "missing", tmp_path], news)
    writings.forget(second)
    (tmp_path / "file").write_text("x")
    await heard(first)
    await heard(third)
    assert not second.is_set()


async def test_who_is_forgotten_leaves_no_watch(writings: Writings, tmp_path: Path) -> None:
    gone, last = asyncio.Event(), asyncio.Event()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert writings.tell([tmp_path / "a"], gone)
    writings.forget(gone)
    assert writings.tell([tmp_path / "b"], last)
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "b" / "file").write_text("x")
    await heard(last)
    assert not gone.is_set()


async def test_where_there_is_no_directory_nobody_is_promised_anything(writings: Writings, tmp_path: Path) -> None:
    assert not writings.tell([tmp_path / "missing"], asyncio.Event())


async def test_a_line_is_followed_that_comes_after_others_have_long_been_read(bench: Bench) -> None:
    runtime = bench.open()
    words = "echo first; until test -e /tmp/go; do sleep 0.05; done; echo second; exec sleep 1000"
    await run(runtime, "alpha", "sh", "-c", words)
    lines = runtime.logs("alpha", "main", None, follow=True)
    first = await asyncio.wait_for(anext(lines), DEADLINE)
    coming = asyncio.ensure_future(anext(lines))
    # Long enough for the follower to have looked again and found nothing.
    assert not (await asyncio.wait({coming}, timeout=0.3))[0]
    await runtime.exec("alpha", "main", ["touch", "/tmp/go"], {}, within=DEADLINE)
    second = await asyncio.wait_for(coming, DEADLINE)
    assert [first.text, second.text] == ["first", "second"]
    await runtime.remove("alpha")

    async def ends() -> bool:
        return await anext(lines, None) is None

    await until(ends, "what is followed of a removed task ends")
