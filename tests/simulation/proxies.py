"""Proxies on virtual time: each acknowledges what it is told after a while of its own, and some are slow or away."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from moorage.mesh.view import Endpoint, View


class SimulatedProxies:
    """Implements `engine.ports.Proxies`. A bundle is the View itself; `acknowledged` is what each proxy sends by."""

    def __init__(self, random: Random, in_flight: Callable[[str], int]) -> None:
        self._random = random
        self._in_flight = in_flight
        self._nudges: list[Callable[[str], None]] = []
        self._published: dict[str, View] = {}
        self.acknowledged: dict[str, View] = {}
        self.heard: set[str] = set()
        self.draining: set[str] = set()
        self.stuck: set[str] = set()
        self.refusing: dict[str, str] = {}

    async def open(self, task_id: str) -> str:
        return f"/sim/{task_id}"

    async def close(self, task_id: str) -> None:
        self.stuck.discard(task_id)
        for known in (self._published, self.acknowledged):
            known.pop(task_id, None)
        self.heard.discard(task_id)
        self.draining.discard(task_id)

    def publish(self, task_id: str, bundle: View) -> None:
        self._published[task_id] = bundle
        asyncio.get_running_loop().call_later(self._delay(), self._acknowledge, task_id, bundle)

    def endpoint_gone(self, tasks: Sequence[str], address: str) -> frozenset[str]:
        return frozenset(task for task in tasks if task not in self.heard or self._holds(task, address))

    def refused(self, task_id: str) -> tuple[str, ...]:
        return (self.refusing[task_id],) if task_id in self.refusing else ()

    def watch(self, nudge: Callable[[str], None]) -> None:
        self._nudges.append(nudge)

    def takes(self, task_id: str) -> frozenset[tuple[str, int]] | None:
        view = self.acknowledged.get(task_id)
        if view is None or view is not self._published.get(task_id) or task_id not in self.heard:
            return None
        return frozenset((each.vip, each.alias_port) for each in view.upstreams)

    async def ready(self, task_id: str) -> bool:
        return task_id in self.acknowledged and task_id not in self.refusing

    async def drain(self, task_id: str) -> None:
        self.draining.add(task_id)

    async def in_flight(self, task_id: str) -> int | None:
        return self._in_flight(task_id)

    def endpoints(self, task_id: str) -> list[Endpoint]:
        """Where this proxy would send a request for any of its names now."""
        view = self.acknowledged.get(task_id)
        return [endpoint for upstream in view.upstreams for endpoint in upstream.endpoints] if view else []

    def restarted(self) -> None:
        """The daemon is new: nothing is known of the proxies until they are heard of again; they go on as before."""
        self._nudges.clear()
        self.heard.clear()

    def _delay(self) -> float:
        return self._random.choice((0.001, 0.002, 0.005, 0.02, 0.3))

    def _acknowledge(self, task_id: str, bundle: View) -> None:
        if self._published.get(task_id) is bundle and task_id not in self.stuck:
            self.acknowledged[task_id] = bundle
            self.heard.add(task_id)
            for nudge in self._nudges:
                nudge(task_id)

    def _holds(self, task_id: str, address: str) -> bool:
        return any(endpoint.address == address for endpoint in self.endpoints(task_id))
