"""What one changed endpoint costs the daemon among ever more services, for the same number of proxies that know it.

In one process: the controller of the mesh, the hub's proxies and their streams, answered by hand; no sockets, so that
only our own work is measured. The other services have tasks with proxies too, which know one other name.
"""

import asyncio
import gc
import time
from statistics import median

from envoy.service.discovery.v3 import discovery_pb2

from bench import seed
from bench.figure import Figure, middle
from moorage import system
from moorage.domain.changes import Put
from moorage.engine.mesh import Mesh
from moorage.mesh import names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.store.memory import MemoryStore
from moorage.xds.proxy import Proxy
from moorage.xds.stream import Response

Request = discovery_pb2.DeltaDiscoveryRequest

CONCERNED, ENDPOINTS = 50, 4
SIZES = (10, 100, 1000)


class Answering:
    """Proxies that take what they are told, and acknowledge it when asked to."""

    def __init__(self) -> None:
        self.proxies: dict[str, Proxy] = {}
        self.told: list[str] = []

    def publish(self, task: str, bundle: Bundle) -> None:
        if task not in self.proxies:
            self.proxies[task] = Proxy(task, inherited=False)
            self.proxies[task].connect()
        self.proxies[task].publish(bundle)
        self.told.append(task)

    def answer(self) -> int:
        """Let everybody who was told something take it; gives how many responses there were."""
        told, self.told = self.told, []
        return sum(_converse(self.proxies[task]) for task in told)


def _converse(proxy: Proxy) -> int:
    count, bundle, stream = 0, proxy.bundle, proxy.stream
    assert bundle is not None
    if not stream.ledgers[names.CLUSTER].opened:
        for type_url in names.TYPES:
            stream.receive(Request(type_url=type_url, resource_names_subscribe=_asked(type_url, bundle)))
    while responses := stream.responses(bundle):
        for response in responses:
            stream.receive(_acknowledgement(response))
            proxy.has_news()
            count += 1
    return count


def _asked(type_url: str, bundle: Bundle) -> list[str]:
    return list(bundle.of(type_url)) if type_url in (names.ENDPOINTS, names.ROUTE) else []


def _acknowledgement(response: Response) -> discovery_pb2.DeltaDiscoveryRequest:
    """Read from bytes and written to bytes, as a proxy's is."""
    read = discovery_pb2.DeltaDiscoveryResponse.FromString(response.serialized())
    return Request(type_url=read.type_url, response_nonce=read.nonce)


def measure(quick: bool) -> list[Figure]:
    found = {size: asyncio.run(_measure(size, 5 if quick else 20)) for size in SIZES}
    how = f"{CONCERNED} proxies that know all names; told and acknowledged, without sockets"
    figures = [
        middle(f"one endpoint changed among {size:,} services", took, "ms", note=how) for size, took in found.items()
    ]
    most, least = median(found[SIZES[-1]]), median(found[SIZES[0]])
    return [*figures, Figure(f"{SIZES[-1]:,} services beside {SIZES[0]}", most / least, "times", 2)]


async def _measure(services: int, changes: int) -> list[float]:
    store = MemoryStore()
    names_ = seed.known(services)
    await seed.fill(store, seed.namespace(services, ENDPOINTS))
    await seed.fill(store, [each for number in range(CONCERNED) for each in seed.client(number, names_, apart=False)])
    others = range(CONCERNED, CONCERNED + services)
    await seed.fill(store, [each for number in others for each in seed.client(number, names_[-1:], apart=False)])
    proxies = Answering()
    mesh = Mesh(store, proxies, system.SystemClock(), bundle_of)  # type: ignore[arg-type]  # asked for no more
    await _look(mesh, proxies)
    gc.collect()
    return [await _change(store, mesh, proxies, number) for number in range(changes)]


async def _change(store: MemoryStore, mesh: Mesh, proxies: Answering, number: int) -> float:
    await store.commit([Put(seed.instance(1, ENDPOINTS + number))], {})
    took, answered = await _look(mesh, proxies)
    if answered != CONCERNED:
        raise RuntimeError(f"{answered} of {CONCERNED} proxies were told")
    return took


async def _look(mesh: Mesh, proxies: Answering) -> tuple[float, int]:
    """Milliseconds of processor time until all was told and acknowledged, and how many answers there were."""
    await asyncio.sleep(0.03)  # beyond the hold-off
    began = time.process_time()
    if await mesh.reconcile((*seed.HOME, seed.SPACE)) is not None:
        raise RuntimeError("the mesh held its first change off")
    answered = proxies.answer()
    return (time.process_time() - began) * 1000, answered
