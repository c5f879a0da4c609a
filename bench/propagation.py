"""From a committed endpoint change to the acknowledgements of all proxies that know the name, real and simulated.

Not through the API: what is timed begins with the commit, into SQLite, and passes the controller of the mesh and the
real hub. After each change, to as many streams of the same process, comes a bare gRPC fan-out of the same bytes.
"""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench import seed
from bench.fan_out import FanOut
from bench.figure import Figure, percentile
from bench.fleet import Fleet, fleet_of_streams
from bench.place import scratch
from bench.proxies import envoy_binary
from moorage import system
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.registry import Instance
from moorage.domain.task import Task
from moorage.engine.loop import Loop
from moorage.engine.mesh import Mesh
from moorage.engine.queue import Queue
from moorage.mesh import bootstrap, names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import View
from moorage.store.sqlite import SqliteStore
from moorage.xds import server
from moorage.xds.hub import Hub
from moorage.xds.proxy import Proxy
from moorage.xds.stream import Response

ENVOYS = 20
NAMES, ENDPOINTS = 10, 4
TASKS = 10
"""Of each service that simulated proxies belong to."""
CHANGED = 3
"""The number of the name whose endpoints come and go."""
MESH = ("mesh", (*seed.HOME, seed.SPACE))
FIRST_PORT, PORTS = 42000, 1000
"""The Envoys listen on ports from this one, one each; among so many."""
ALONE, SHARING = 1000, 100
"""Up to how many proxies have a socket each, and how many share one beyond: files that may be open are limited."""


@dataclass
class Taken:
    """Milliseconds from a commit to each stream's reading of it, and to the last acknowledgement of all.

    `cpu`: milliseconds of processor time that the sending process took for one change.
    """

    each: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(quick: bool) -> list[Figure]:
    real = _run(0, 50 if quick else 300)[0]
    shape = f"{NAMES} names with {ENDPOINTS} endpoints"
    figures = [
        Figure(
            f"{ENVOYS} Envoys: change to last acknowledgement, {what}",
            percentile(real.last, share),
            "ms",
            limit,
            note=f"{shape}; {len(real.last)} changes, one after the other",
            samples=real.last,
        )
        for what, share, limit in (("p50", 0.5, None), ("p99", 0.99, 50))
    ]
    figures += _crowd(1000, 5 if quick else 30, f"{shape}, and {ENVOYS} Envoys")
    return figures if quick else figures + _crowd(10_000, 5, f"{shape}; {SHARING} streams a connection")


def _crowd(count: int, changes: int, shape: str) -> list[Figure]:
    ours, bare = _run(count, changes)
    ratio = median(mine / theirs for mine, theirs in zip(ours.last, bare.last, strict=True))
    work = median(mine / theirs for mine, theirs in zip(ours.cpu, bare.cpu, strict=True))
    who, how = f"{count:,} simulated", f"{shape}; {changes} changes"
    return [
        Figure(f"{who}: change to read, p50", percentile(ours.each, 0.5), "ms", note=how),
        Figure(f"{who}: change to read, p99", percentile(ours.each, 0.99), "ms", 250 if count <= ALONE else None),
        Figure(f"{who}: change to last acknowledgement", median(ours.last), "ms", note=how, samples=ours.last),
        Figure(f"{who}: a bare fan-out to last answer", median(bare.last), "ms", note="same bytes", samples=bare.last),
        Figure(f"{who}: ours by the bare fan-out", ratio, "times", 1.3, note="last answers; by turns, median"),
        Figure(f"{who}: processor time of a change", median(ours.cpu), "ms", note="all of it", samples=ours.cpu),
        Figure(f"{who}: processor time of a bare fan-out", median(bare.cpu), "ms", samples=bare.cpu),
        Figure(f"{who}: ours by the bare fan-out, processor time", work, "times", note="of the sending process"),
    ]


def _run(count: int, changes: int) -> tuple[Taken, Taken]:
    with scratch() as directory:
        system.spare_the_collector()  # as the daemon does; the bare fan-out has the good of it, too
        return uvloop.run(_measure(directory, count, changes))


async def _measure(directory: Path, count: int, changes: int) -> tuple[Taken, Taken]:
    """Changes and bare fan-outs by turns: whatever else the machine does meets both alike."""
    ours, bare, servers = Taken(), Taken(), FanOut()
    async with fleet_of_streams() as fleet, _bed(directory, count, fleet) as bed:
        sockets = _sockets(directory / "b", count)
        for path, _ in sockets:
            await servers.listen(path)
        await fleet.connect(sockets, bare=True)
        await servers.gathered(count)
        for number in range(-2, changes):
            await _note(ours, number, bed.change(number))
            if count:
                await _note(bare, number, _spread(servers, fleet, count, bed.message()))
        await servers.close()
    return ours, bare


async def _note(taken: Taken, number: int, change: Awaitable[tuple[list[float], float]]) -> None:
    """The first two are for warming up."""
    before = time.process_time()
    each, last = await change
    if number >= 0:
        taken.each += each
        taken.last.append(last)
        taken.cpu.append((time.process_time() - before) * 1000)


async def _spread(servers: FanOut, fleet: Fleet, count: int, message: bytes) -> tuple[list[float], float]:
    await fleet.expect(count)
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await servers.send(message)
    last = (time.monotonic() - began) * 1000
    return [(read - began) * 1000 for read in await fleet.heard()], last


def _sockets(directory: Path, count: int) -> list[tuple[Path, list[str]]]:
    """As many sockets, with as many streams on each, as the hub of the same size has."""
    directory.mkdir()
    share = 1 if count <= ALONE else SHARING
    return [(directory / f"{first}.sock", [str(each) for each in range(share)]) for first in range(0, count, share)]


class Rooms:
    """Sockets that several proxies share: what the hub listens with where one for each would be too many."""

    def __init__(self) -> None:
        self.sockets: list[tuple[Path, list[str]]] = []
        self._room: dict[str, Proxy] = {}
        self._server: Any = None

    async def listen(self, path: str, proxy: Proxy, nudge: Callable[[str], None]) -> Any:
        if not self._room or len(self._room) == SHARING:
            self._room = {}
            self._server = await server.serve(path, self._room, nudge)
            self.sockets.append((Path(path), []))
        self._room[proxy.task_id] = proxy
        self.sockets[-1][1].append(proxy.task_id)
        return self._server


@dataclass
class Bed:
    """What is between a commit and a proxy. `let_go` is set when the last proxy acknowledged an address to be gone."""

    store: SqliteStore
    hub: Hub
    tasks: list[str]
    fleet: Fleet
    simulated: int
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    bundle: Bundle | None = None

    def make(self, view: View, *, last: tuple[View, Bundle] | None, places: Collection[int] | None = None) -> Bundle:
        self.bundle = bundle_of(view, last=last, places=places)
        return self.bundle

    async def change(self, number: int) -> tuple[list[float], float]:
        """Put one endpoint in the place of another. Milliseconds until each stream read it, and until all was over."""
        old, new = (seed.instance(CHANGED, ENDPOINTS + (number + shift) % 2) for shift in (0, 1))
        writes: list[Write] = [Put(new), Delete(Instance.table, old.key)]
        address = old.attributes["AWS_INSTANCE_IPV4"]
        await self.fleet.expect(self.simulated)
        await asyncio.sleep(0.05)  # later than the hold-off, which would be part of this change
        began = time.monotonic()
        await self.store.commit(writes, {})
        self.let_go.clear()
        while self.hub.endpoint_gone(self.tasks, address):
            await asyncio.wait_for(self.let_go.wait(), 60)
            self.let_go.clear()
        last = (time.monotonic() - began) * 1000
        return [(read - began) * 1000 for read in await self.fleet.heard()], last

    def message(self) -> bytes:
        """What each stream was sent at the last change."""
        assert self.bundle is not None
        changed = self.bundle.of(names.ENDPOINTS)[f"egress/name-{CHANGED}.bench.local:80"]
        return Response(names.ENDPOINTS, "10", self.bundle.version, (changed,), ()).serialized()


@asynccontextmanager
async def _bed(directory: Path, count: int, fleet: Fleet) -> AsyncIterator[Bed]:
    store, rooms = SqliteStore.open(directory / "data"), Rooms()
    hub = Hub(directory / "p", listen=server.listen if count <= ALONE else rooms.listen)
    real = ENVOYS if count <= ALONE else 0
    await _fill(store, real, real + count)
    tasks = sorted(task.id for task in store.snapshot().all(Task))
    bed = Bed(store, hub, tasks, fleet, count)
    queue = Queue()
    loop = Loop(queue, {"mesh": Mesh(store, hub, system.SystemClock(), bed.make)})
    store.watch(lambda _commit: queue.add(MESH))
    hub.watch(lambda _task: bed.let_go.set())
    loop.start()
    try:
        with ExitStack() as envoys:
            folders = [Path(await hub.open(task)) for task in tasks]
            queue.add(MESH)
            for task, folder in zip(tasks[:real], folders, strict=False):
                envoys.enter_context(_envoy(directory, task, str(folder)))
            alone = [(folder / bootstrap.XDS_SOCKET, [folder.name]) for folder in folders[real:]]
            await fleet.connect(rooms.sockets or alone, bare=False)
            async with asyncio.timeout(120):
                while not all([await hub.ready(task) for task in tasks[:real]]):
                    _none_refused(hub, tasks[:real])
                    await asyncio.sleep(0.1)
            yield bed
    finally:
        await loop.stop()
        await hub.shut()
        await store.close()


async def _fill(store: SqliteStore, real: int, count: int) -> None:
    known = seed.known(NAMES)
    await seed.fill(store, seed.namespace(NAMES, ENDPOINTS))
    await seed.fill(store, [each for number in _free_ports(real) for each in seed.client(number, known)])
    crowd = range(PORTS, PORTS + (count - real) // TASKS)
    await seed.fill(store, [each for number in crowd for each in seed.client(number, known, apart=False, tasks=TASKS)])


def _free_ports(count: int) -> list[int]:
    """As many ports that nobody has, counted from the first that proxies listen on.

    Without a namespace of its own an Envoy shares them with this host, which gives them to outgoing connections, too.
    """
    found = islice((number for number in range(PORTS) if _is_free(FIRST_PORT + number)), count)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as asking:
        try:
            asking.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _none_refused(hub: Hub, tasks: list[str]) -> None:
    """RuntimeError for a proxy that refused something: it would be waited for in vain."""
    refused = [reason for task in tasks for reason in hub.refused(task)]
    if refused:
        raise RuntimeError(f"an Envoy does not take what it is told: {'; '.join(refused)}")


@contextmanager
def _envoy(directory: Path, task: str, sockets: str) -> Iterator[None]:
    identity = bootstrap.Identity(task, "bench", seed.HOME[1], "")
    document = directory / f"{task}.json"
    document.write_text(bootstrap.document(identity, sockets))
    with (directory / f"{task}.log").open("wb") as log:
        process = subprocess.Popen([envoy_binary(), *bootstrap.arguments(str(document))], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()
