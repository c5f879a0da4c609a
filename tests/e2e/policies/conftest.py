"""One rig for each module of policies: a namespace with two sides of proxies."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bed import Bed, namespace_of_its_own
from policies.sides import Rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(namespaces: None) -> AsyncIterator[Rig]:
    with namespace_of_its_own() as namespace:
        bed = Bed(namespace.directory, namespace)
        try:
            made = Rig(bed)
            await made.start()
            yield made
        finally:
            await bed.close()


@pytest.fixture
def proven(rig: Rig) -> object:
    return rig.proven
