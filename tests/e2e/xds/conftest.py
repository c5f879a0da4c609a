"""The bed of each test: a namespace, a hub, and what runs between them; all gone when the test is."""

from collections.abc import AsyncIterator, Iterator

import pytest
from bed import Bed, Namespace, Words, namespace_of_its_own


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with namespace_of_its_own() as made:
        yield made


@pytest.fixture
async def bed(namespace: Namespace) -> AsyncIterator[Bed]:
    made = Bed(namespace.directory, namespace)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def world() -> "type[Words]":
    return Words
