"""A whole Moorage behind the endpoint: the engine runs tasks in the fake runtime, so that what clients wait for comes.

The proxies here acknowledge whatever they are told at once. Each test has an account of its own.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

import ec2
from moorage.engine.engine import Engine, Outside
from moorage.engine.stacks import Stacks
from moorage.engine.tasks import Envoy
from moorage.mesh.view import View
from moorage.planning.actions import PROXY_IMAGE
from moorage.planning.situation import Patience
from moorage.runtime.fake import Behaviour, FakeRuntime, by_image
from moorage.system import SystemClock, SystemIds

_accounts = itertools.count(400_000_000_001)
IMAGES = {
    PROXY_IMAGE: Behaviour(),
    "api": Behaviour(listens=frozenset({8080})),
    "api:2": Behaviour(listens=frozenset({8080})),
    "job": Behaviour(exit_after=0.1, exit_code=3),
}


class ObedientProxies:
    """Implements `engine.ports.Proxies`: what was published is acknowledged."""

    def __init__(self) -> None:
        self._published: dict[str, View] = {}
        self._nudges: list[Callable[[str], None]] = []

    async def open(self, task_id: str) -> str:
        return f"/obedient/{task_id}"

    async def close(self, task_id: str) -> None:
        self._published.pop(task_id, None)

    def publish(self, task_id: str, bundle: View) -> None:
        self._published[task_id] = bundle
        for nudge in self._nudges:
            nudge(task_id)

    def endpoint_gone(self, tasks: Sequence[str], address: str) -> frozenset[str]:
        return frozenset(task for task in tasks if self._sends_to(task, address))

    def refused(self, task_id: str) -> tuple[str, ...]:
        return ()

    def watch(self, nudge: Callable[[str], None]) -> None:
        self._nudges.append(nudge)

    def takes(self, task_id: str) -> frozenset[tuple[str, int]] | None:
        view = self._published.get(task_id)
        return None if view is None else frozenset((each.vip, each.alias_port) for each in view.upstreams)

    async def ready(self, task_id: str) -> bool:
        return task_id in self._published

    async def drain(self, task_id: str) -> None:
        pass

    async def in_flight(self, task_id: str) -> int | None:
        return 0

    def _sends_to(self, task_id: str, address: str) -> bool:
        view = self._published.get(task_id)
        return view is not None and any(e.address == address for up in view.upstreams for e in up.endpoints)


@dataclass
class Clients:
    """One test's clients, all of the same account."""

    make: Callable[..., Any]
    account: str

    def __getattr__(self, service: str) -> Any:
        return self.make(service, account=self.account)


@pytest.fixture(scope="module")
def engine(serve: Any) -> Iterator[Any]:
    """An endpoint with an engine on its loop."""
    served = serve(forward=ec2.forward)
    clock, ids = SystemClock(), SystemIds()

    async def begin() -> Engine:
        runtime = FakeRuntime(clock, by_image(IMAGES))
        outside = Outside(served.store, runtime, ObedientProxies(), clock, ids)
        stacks = ("stacks", Stacks(served.store, served.dispatcher, clock, ids))
        envoy = Envoy(bootstrap=lambda view: "", arguments=lambda view, drain: ("envoy",))
        running = Engine(outside, envoy, lambda view, last: view, Patience(), [stacks])
        running.start()
        return running

    running = asyncio.run_coroutine_threadsafe(begin(), served.loop).result(10)
    yield served
    asyncio.run_coroutine_threadsafe(running.pause(), served.loop).result(20)


@pytest.fixture
def clients(engine: Any) -> Clients:
    return Clients(engine.client, str(next(_accounts)))


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask again until the answer is as wanted, as tools poll; the last answer."""

    def poll(ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
        for _ in range(300):
            answer = ask()
            if wanted(answer):
                return answer
            threading.Event().wait(0.1)
        raise AssertionError(f"still {answer}")

    return poll
