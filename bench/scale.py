"""The same calls among 1,000 services and 10,000 tasks and among 10 and 100: they may cost twice as much at most.

In one process, from the request's bytes to the answer's, without a network. A task changes before each call, and each
is asked of an application that has kept no answer. Beside it: what a commit costs, what the engine decides after it,
and what a store of that size costs to open.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from statistics import median
from typing import Any, Self

from bench import seed
from bench.figure import Figure
from bench.place import scratch
from moorage import system
from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Put
from moorage.domain.service import Service
from moorage.domain.task import TaskState
from moorage.planning import registration, service_plan
from moorage.store.memory import MemoryStore
from moorage.store.sqlite import SqliteStore
from moorage.wire.message import Request

SIZES = ((10, 10), (1000, 10))
"""Services, and tasks of each."""

ONE, TEN = "service-00003", [f"service-{number:05d}" for number in range(10)]
IN_CLUSTER: Mapping[str, Any] = {"cluster": seed.CLUSTER}
ECS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ListServices": ("ListServices", {**IN_CLUSTER, "maxResults": 10}),
    "DescribeServices, 10": ("DescribeServices", {**IN_CLUSTER, "services": TEN}),
    "ListServicesByNamespace": ("ListServicesByNamespace", {"namespace": "bench.local", "maxResults": 10}),
    "ListTasks, 10 of a service": ("ListTasks", {**IN_CLUSTER, "serviceName": ONE}),
    "ListTasks, 100 of all": ("ListTasks", {**IN_CLUSTER, "maxResults": 100}),
    "ListTasks, STOPPED": ("ListTasks", {**IN_CLUSTER, "desiredStatus": "STOPPED"}),
    "DescribeClusters": ("DescribeClusters", {"clusters": [seed.CLUSTER], "include": ["STATISTICS"]}),
    "ListTaskDefinitions": ("ListTaskDefinitions", {"maxResults": 10}),
    "DescribeTaskDefinition": ("DescribeTaskDefinition", {"taskDefinition": "family-00003"}),
}
CLOUD_MAP: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "DiscoverInstances": ("DiscoverInstances", {"NamespaceName": "bench.local", "ServiceName": "name-3"}),
    "ListInstances": ("ListInstances", {"ServiceId": "srv-3"}),
    "Cloud Map's ListServices": ("ListServices", {"MaxResults": 10}),
}
TARGETS = {"ecs": "AmazonEC2ContainerServiceV20141113", "servicediscovery": "Route53AutoNaming_v20170314"}


def measure(quick: bool) -> list[Figure]:
    small, large = asyncio.run(_costs(20 if quick else 200))
    figures = [_beside(name, small[name], large[name]) for name in small]
    return [*figures, *_opening()]


def _beside(name: str, small: list[float], large: list[float]) -> Figure:
    spread = [f"{min(each):.3g}/{median(each):.3g}/{max(each):.3g} ms" for each in (small, large)]
    note = f"min/median/max {spread[0]} among 10 and 100, {spread[1]} among 1,000 and 10,000"
    return Figure(name, median(large) / median(small), "times", 2, note=note, samples=large)


COMMIT = "a task's state committed, in memory"
PLANNED = "what the engine decides about its service then"
Call = tuple[str, str, str, Mapping[str, Any]]
"""Its name here, the service, the operation, the arguments."""


async def _costs(times: int) -> list[dict[str, list[float]]]:
    """Milliseconds of each call by its name, in the small World and in the large; they take turns."""
    places = [await _Measured.make(*size) for size in SIZES]
    for _ in range(times):
        for each in places:
            await each.round()
    return [each.costs for each in places]


class _Measured:
    """A World with its application, the calls that are made to it, and what they cost."""

    def __init__(self, store: MemoryStore) -> None:
        self._dispatcher = Dispatcher(operations.table(), store, system.SystemClock(), system.SystemIds())
        self._changes = _Changes(store)
        self._calls: list[Call] = []
        self.costs: dict[str, list[float]] = {}

    @classmethod
    async def make(cls, services: int, tasks: int) -> Self:
        store = MemoryStore()
        await seed.fill(store, seed.whole(services, tasks))
        made = cls(store)
        answer = await _ask(App(made._dispatcher, Endpoint("bench")), "ecs", *ECS["ListTasks, 10 of a service"])
        listed = json.loads(answer)["taskArns"]
        made._calls = [(name, "ecs", *call) for name, call in ECS.items()]
        made._calls.append(("DescribeTasks, 10", "ecs", "DescribeTasks", {**IN_CLUSTER, "tasks": listed}))
        made._calls += [(name, "servicediscovery", *call) for name, call in CLOUD_MAP.items()]
        made.costs = {name: [] for name in (*(call[0] for call in made._calls), COMMIT, PLANNED)}
        return made

    async def round(self) -> None:
        """Each call once. Processor time, for others on the machine have a say in any other."""
        for name, service, operation, arguments in self._calls:
            self.costs[COMMIT].append(await self._changes.make())
            self.costs[PLANNED].append(self._changes.planned())
            app = App(self._dispatcher, Endpoint("bench"))
            began = time.thread_time()
            await _ask(app, service, operation, arguments)
            self.costs[name].append((time.thread_time() - began) * 1000)


class _Changes:
    """One task after the other is seen in another state."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._states = sorted(store.snapshot().all(TaskState), key=lambda state: state.key)
        self._made = count(1)
        self._clock, self._ids = system.SystemClock(), system.SystemIds()
        self._services = {f"{seed.number_of(each.name):016x}": each for each in store.snapshot().all(Service)}

    async def make(self) -> float:
        """Milliseconds that the commit took."""
        number = next(self._made)
        changed = replace(self._states[number % len(self._states)], version=number)
        began = time.thread_time()
        await self._store.commit([Put(changed)], {})
        self._service = self._services[changed.id[:16]]
        return (time.thread_time() - began) * 1000

    def planned(self) -> float:
        """Milliseconds that its service's planners take."""
        world, now = self._store.snapshot(), self._clock.now()
        began = time.thread_time()
        service_plan.plan(self._service, world, now, self._ids)
        registration.plan(self._service, world, now)
        return (time.thread_time() - began) * 1000


async def _ask(app: App, service: str, operation: str, arguments: Mapping[str, Any]) -> bytes:
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "authorization": f"AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "x-amz-target": f"{TARGETS[service]}.{operation}",
    }
    response = await app.answer(Request("POST", "/", headers=headers, body=json.dumps(arguments).encode()))
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
