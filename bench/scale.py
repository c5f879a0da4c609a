"""The same calls among 1,000 services and 10,000 tasks and among 10 and 100: they may cost twice as much at most.

In one process, from the request's bytes to the answer's, without a network; opening such a store from disk, too.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

from bench import seed
from bench.figure import Figure
from bench.place import scratch
from moorage import system
from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.store.memory import MemoryStore
from moorage.store.sqlite import SqliteStore
from moorage.wire.message import Request

SIZES = ((10, 10), (1000, 10))
"""Services, and tasks of each."""

ONE, TEN = "service-00003", [f"service-{number:05d}" for number in range(10)]
CALLS: Mapping[str, dict[str, Any]] = {
    "ListServices": {"maxResults": 10},
    "DescribeServices": {"services": TEN},
    "ListTasks": {"serviceName": ONE},
    "DescribeClusters": {"clusters": [seed.CLUSTER]},
}
HEADERS = {
    "content-type": "application/x-amz-json-1.1",
    "authorization": "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/ecs/aws4_request, SignedHeaders=host, "
    "Signature=0",
}


def measure(quick: bool) -> list[Figure]:
    times = 20 if quick else 100
    small, large = (asyncio.run(_costs(*size, times)) for size in SIZES)
    figures = [
        Figure(
            f"{name} among 1,000 services, 10,000 tasks",
            large[name] / small[name],
            "times",
            2,
            note=f"{small[name]:.3g} ms among 10 and 100, {large[name]:.3g} ms among 1,000 and 10,000",
        )
        for name in small
    ]
    return [*figures, *_opening()]


async def _costs(services: int, tasks: int, times: int) -> dict[str, float]:
    """Milliseconds for each call, the median."""
    store = MemoryStore()
    await seed.fill(store, seed.services(services, tasks))
    app = App(Dispatcher(operations.table(), store, system.SystemClock(), system.SystemIds()), Endpoint("bench"))
    listed = json.loads(await _ask(app, "ListTasks", CALLS["ListTasks"]))["taskArns"]
    calls = {**CALLS, "DescribeTasks": {"tasks": listed}, "ListTasks, all": {"maxResults": 100}}
    return {name: await _cost(app, name, arguments, times) for name, arguments in calls.items()}


async def _cost(app: App, name: str, arguments: dict[str, Any], times: int) -> float:
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        await _ask(app, name.partition(",")[0], arguments)
        samples.append((time.perf_counter() - began) * 1000)
    return median(samples)


async def _ask(app: App, operation: str, arguments: dict[str, Any]) -> bytes:
    headers = {**HEADERS, "x-amz-target": f"AmazonEC2ContainerServiceV20141113.{operation}"}
    scoped = arguments if operation == "DescribeClusters" else {"cluster": seed.CLUSTER, **arguments}
    response = await app.answer(Request("POST", "/", headers=headers, body=json.dumps(scoped).encode()))
    if response.status != 200:
        raise RuntimeError(f"{operation}: {response.status} {response.body.decode()}")
    return response.body


def _opening() -> list[Figure]:
    with scratch() as directory:
        return asyncio.run(_open(directory))


async def _open(directory: Any) -> list[Figure]:
    store = SqliteStore.open(directory)
    await seed.fill(store, seed.services(*SIZES[1]))
    records = len(store.snapshot().versions)
    commits = []
    for record in seed.client(0, ()) * 20:
        began = time.perf_counter()
        await seed.fill(store, [record])
        commits.append((time.perf_counter() - began) * 1000)
    await store.close()
    began = time.perf_counter()
    store = SqliteStore.open(directory)
    took = time.perf_counter() - began
    await store.close()
    return [
        Figure(f"opening a store of {records:,} records", took, "s", note="part of a daemon's start"),
        Figure("a commit among them, on disk", median(commits), "ms", note="one record, nobody else"),
    ]
