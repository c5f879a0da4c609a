"""The stores and runtimes that the contract suites run on: each a name and an async context manager.

A new runtime passes the suite when its factory stands in RUNTIMES: it gets a scratch directory and a catalog that
holds the images below `programs/`. The fake runtime gets their behaviours, written down here beside it.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from moorage.engine.ports import Runtime, Store
from moorage.runtime.fake import Behaviour, FakeRuntime, by_image
from moorage.runtime.images import ImageCatalog
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.supervisor import prerequisites
from moorage.store.memory import MemoryStore
from moorage.store.sqlite import SqliteStore
from moorage.system import SystemClock

PROGRAMS: Final = Path(__file__).parent / "programs"

MakeStore = Callable[[Path], AbstractAsyncContextManager[Store]]
MakeRuntime = Callable[[Path, ImageCatalog], AbstractAsyncContextManager[Runtime]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

BEHAVIOURS: Final = {
    "serves": Behaviour(answers={7070: b"hello from serves\n"}, term_code=3),
    "stubborn": Behaviour(ignores_sigterm=True),
    "exits": Behaviour(exit_after=0.1, exit_code=7),
    "talks": Behaviour(
        exit_after=0.1, writes=(("stdout", "one"), ("stdout", "two"), ("stderr", "three"), ("stdout", "four"))
    ),
    "recovers": Behaviour(healthy_after=0.5),
    "sickens": Behaviour(healthy_after=None, unhealthy_after=0.1),
    "unrunnable": Behaviour(cannot_start="exec: /no/such/program: no such file or directory"),
}


@asynccontextmanager
async def memory_store(directory: Path) -> AsyncIterator[Store]:
    yield MemoryStore()


@asynccontextmanager
async def sqlite_store(directory: Path) -> AsyncIterator[Store]:
    store = SqliteStore.open(directory)
    try:
        yield store
    finally:
        await store.close()


STORES: Final[dict[str, MakeStore]] = {"memory": memory_store, "sqlite": sqlite_store}


@asynccontextmanager
async def fake_runtime(directory: Path, catalog: ImageCatalog) -> AsyncIterator[Runtime]:
    yield FakeRuntime(SystemClock(), by_image(BEHAVIOURS))


@asynccontextmanager
async def netns_runtime(directory: Path, catalog: ImageCatalog) -> AsyncIterator[Runtime]:
    instance = os.urandom(4).hex()
    runtime = NetnsRuntime(directory / "run", directory / "state", instance, catalog.resolve)
    try:
        yield runtime
    finally:
        await runtime.close(stop_tasks=True)


RUNTIMES: Final[dict[str, MakeRuntime]] = {"fake": fake_runtime, "netns": netns_runtime}


@cache
def _missing() -> str:
    """What keeps this machine from making namespaces, empty if nothing does."""
    findings = prerequisites.prerequisites()
    return "; ".join(f"{name}: {sentence}" for name, verdict, sentence in findings if verdict == "failure")


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path / "data") as made:
        yield made


MARKS: Final = {"netns": pytest.mark.namespaces}


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in RUNTIMES])
async def runtime(request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    if request.param in MARKS and os.environ.get("MOORAGE_REQUIRE_NAMESPACES") != "1" and _missing():
        pytest.skip(_missing())
    # Not pytest's own directory: the paths of sockets must be short.
    directory = Path(tempfile.mkdtemp(prefix="moorage-"))
    try:
        catalog = ImageCatalog(directory / "images")
        for folder in PROGRAMS.iterdir():
            catalog.add(folder.name, folder)
        async with RUNTIMES[request.param](directory, catalog) as made:
            yield made
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def until() -> Until:
    """Wait until a condition holds; fail after ten seconds."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(10):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.01)

    return wait
