"""What a task's containers use, in the form of the Docker statistics that ECS's agent hands on.

Each sample is measured when it is asked for. `precpu_stats` and the network's rates compare it with a former one of the
same container, a second old or more as soon as there is one, so that a client that asks often does not divide by zero.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moorage.domain.task import Task, TaskState
from moorage.engine.ports import Clock
from moorage.planning import inside

Measure = Callable[[str], Awaitable[Mapping[str, Any]]]
"""A task's use now: `cpus`, `system`, `containers` and `networks` by name (None where the machine counts nothing)."""

REMEMBERED: Final = 256
"""Containers whose former samples are kept; each is a few numbers."""
APART: Final = timedelta(seconds=1)
"""How far apart the two kept samples are before the older one is let go: Docker's own interval."""
_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class _Sample:
    at: datetime
    cpu: Mapping[str, Any]
    network: Mapping[str, int]


class Stats:
    """Measures, and remembers samples of each container."""

    def __init__(self, measure: Measure, clock: Clock) -> None:
        self._measure = measure
        self._clock = clock
        self._former: dict[str, tuple[_Sample, ...]] = {}

    async def task(self, task: Task, state: TaskState) -> dict[str, Any]:
        """Every container that was started, by the name that its paths have; None for one that has stopped."""
        used = await self._measure(task.id)
        return {
            inside.container_id(task.id, name): self._container(task, state, name, used) for name in used["containers"]
        }

    async def container(self, task: Task, state: TaskState, name: str) -> dict[str, Any] | None:
        """One container; None unless it runs, or where nothing is counted."""
        used = await self._measure(task.id)
        return self._container(task, state, name, used) if name in used["containers"] else None

    def _container(self, task: Task, state: TaskState, name: str, used: Mapping[str, Any]) -> dict[str, Any] | None:
        counted, seen = used["containers"][name], state.container(name)
        if counted is None or (seen is not None and seen.status == "STOPPED"):
            return None
        identity = inside.container_id(task.id, name)
        cpu = {"cpu_usage": _cpu_usage(counted), "system_cpu_usage": used["system"], "online_cpus": used["cpus"]}
        now = _Sample(self._clock.now(), cpu, used["networks"][name] or {})
        former = self._replaced(identity, now)
        return {
            "id": identity,
            "name": name,
            "read": _instant(now.at),
            "preread": _instant(former.at) if former is not None else _NEVER,
            "cpu_stats": cpu,
            "precpu_stats": former.cpu if former is not None else {},
            "memory_stats": counted["memory"],
            "pids_stats": counted["pids"],
            "networks": {"eth0": now.network} if now.network else {},
            **({"network_rate_stats": rates} if (rates := _rates(former, now)) else {}),
        }

    def _replaced(self, identity: str, now: _Sample) -> _Sample | None:
        """The sample to compare `now` with, which is kept from here on."""
        kept = self._former.pop(identity, ())
        if len(kept) == 2 and kept[1].at - kept[0].at >= APART:
            kept = kept[1:]
        self._former[identity] = (*kept[:1], now)
        if len(self._former) > REMEMBERED:
            del self._former[next(iter(self._former))]
        return kept[0] if kept else None


def _cpu_usage(counted: Mapping[str, Any]) -> dict[str, int]:
    kinds = {"usage_in_usermode": counted.get("user"), "usage_in_kernelmode": counted.get("kernel")}
    return {"total_usage": counted["cpu"], **{name: value for name, value in kinds.items() if value is not None}}


def _rates(former: _Sample | None, now: _Sample) -> dict[str, float]:
    """Bytes a second between the two, as the agent adds them to Docker's counters."""
    if former is None or not former.network or not now.network or now.at <= former.at:
        return {}
    seconds = (now.at - former.at).total_seconds()
    ways = ("rx_bytes", "tx_bytes")
    return {f"{way}_per_sec": (now.network.get(way, 0) - former.network.get(way, 0)) / seconds for way in ways}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
