"""The stores and runtimes that the contract suites run on: each a name and an async context manager."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from moorage.engine.ports import Store
from moorage.store.memory import MemoryStore
from moorage.store.sqlite import SqliteStore

MakeStore = Callable[[Path], AbstractAsyncContextManager[Store]]


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


@pytest.fixture(params=list(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path / "data") as made:
        yield made
