"""What a proxy holds in memory, by the endpoints of its namespace: real Envoys beside one another, fed by a real hub.

Private memory: what would be free if the proxy ended. Its program is shared by all that run.
"""

import asyncio
from pathlib import Path

from bench import machine
from bench.figure import Figure
from bench.place import bed, scratch
from moorage.mesh.view import Endpoint, Upstream, View

NAMES = 10
SIZES = (0, 100, 200, 500, 1000)


def measure(quick: bool) -> list[Figure]:
    with bed.namespace_of_its_own() as namespace, scratch():
        held = asyncio.run(_measure(namespace))
    how = f"behind {NAMES} names, HTTP; before the first request"
    each = (held[SIZES[-1]] - held[100]) / (SIZES[-1] - 100) * 100
    limits = {100: 20.0}
    figures = [Figure(f"{size:,} endpoints", held[size], "MB", limits.get(size), note=how) for size in SIZES]
    return [*figures, Figure("each further 100", each, "MB", note=f"from 100 to {SIZES[-1]:,}")]


async def _measure(namespace: bed.Namespace) -> dict[int, float]:
    here = bed.Bed(Path(namespace.directory), namespace)
    try:
        for number, size in enumerate(SIZES):
            await here.proxy(_view(size, 15001 + number))
        await asyncio.sleep(3)
        return {size: machine.private(here.pid(_name(size))) for size in SIZES}
    finally:
        await here.close()


def _view(size: int, port: int) -> View:
    upstreams = tuple(_upstream(number, size // NAMES) for number in range(NAMES))
    return View(_name(size), "set", "us-east-1", "us-east-1a", port, upstreams, ())


def _upstream(number: int, count: int) -> Upstream:
    hosts = (f"100.64.{number}.{each + 1}" for each in range(count))
    endpoints = tuple(Endpoint(f"{number:016x}{host:>16}", host, 8080, "us-east-1a") for host in hosts)
    of = (f"name-{number}", f"name-{number}.bench.local", 80, f"127.255.0.{number + 1}", bed.Protocol.HTTP, bed.HTTP)
    return Upstream("bench.local", *of, endpoints)


def _name(size: int) -> str:
    return f"with-{size}"
