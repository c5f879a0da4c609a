"""What it costs to make the configuration of proxies, and to change it when one endpoint changes.

In one process, without proxies: the controller of the mesh over a World in memory.
"""

import asyncio
import time

from bench import seed
from bench.figure import Figure, middle
from moorage import system
from moorage.domain.changes import Put
from moorage.engine.mesh import Mesh
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.store.memory import MemoryStore

NAMES, ENDPOINTS, PROXIES = 100, 10, 50


class _Counting:
    """Proxies that take what they are told and count it."""

    def __init__(self) -> None:
        self.told = 0

    def publish(self, _task: str, _bundle: Bundle) -> None:
        self.told += 1


def measure(quick: bool) -> list[Figure]:
    first, changed = asyncio.run(_measure(3 if quick else 10))
    shape = f"{NAMES} services with {ENDPOINTS} endpoints each, {PROXIES} proxies that know all"
    return [
        middle("all bundles for the first time, per proxy", first, "ms", 55, shape),
        middle("all bundles after one endpoint changed, per proxy", changed, "ms", 5, shape),
    ]


async def _measure(changes: int) -> tuple[list[float], list[float]]:
    store = MemoryStore()
    names = seed.known(NAMES)
    await seed.fill(store, seed.namespace(NAMES, ENDPOINTS))
    await seed.fill(store, [record for number in range(PROXIES) for record in seed.client(number, names)])
    proxies = _Counting()
    mesh = Mesh(store, proxies, system.SystemClock(), bundle_of)  # type: ignore[arg-type]  # asked for no more
    first = [await _reconcile(mesh, proxies)]
    changed = []
    for number in range(changes):
        await store.commit([Put(seed.instance(number, ENDPOINTS))], {})
        changed.append(await _reconcile(mesh, proxies))
    return first, changed


async def _reconcile(mesh: Mesh, proxies: _Counting) -> float:
    """Milliseconds per proxy; every one of them is told."""
    await asyncio.sleep(0.03)  # beyond the hold-off
    before, began = proxies.told, time.perf_counter()
    if await mesh.reconcile((*seed.HOME, seed.SPACE)) is not None:
        raise RuntimeError("the mesh held its first change off")
    took = time.perf_counter() - began
    if proxies.told - before != PROXIES:
        raise RuntimeError(f"{proxies.told - before} of {PROXIES} proxies were told")
    return took * 1000 / PROXIES
