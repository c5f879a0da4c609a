"""What a task's containers use, in the form of the Docker statistics that ECS's agent hands on.

Each sample is measured when it is asked for; the one before it, of the same container, is `precpu_stats`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from moorage.domain.task import Task
from moorage.engine.ports import Clock
from moorage.planning import inside

Measure = Callable[[str], Awaitable[Mapping[str, Any]]]
"""A task's use now: `cpus`, `system`, `containers` and `networks` by name (None where the machine counts nothing)."""

REMEMBERED: Final = 256
"""Former samples that are kept; each is two numbers."""


class Stats:
    """Measures, and remembers the last sample of each container."""

    def __init__(self, measure: Measure, clock: Clock) -> None:
        self._measure = measure
        self._clock = clock
        self._former: dict[str, tuple[str, dict[str, Any]]] = {}

    async def task(self, task: Task) -> dict[str, Any]:
        """Every container that was started, by the name that its paths have."""
        used = await self._measure(task.id)
        return {inside.container_id(task.id, name): self._container(task, name, used) for name in used["containers"]}

    async def container(self, task: Task, name: str) -> dict[str, Any] | None:
        """One container; None before it was started, or where nothing is counted."""
        used = await self._measure(task.id)
        return self._container(task, name, used) if name in used["containers"] else None

    def _container(self, task: Task, name: str, used: Mapping[str, Any]) -> dict[str, Any] | None:
        counted = used["containers"][name]
        if counted is None:
            return None
        identity = inside.container_id(task.id, name)
        read = self._clock.now().isoformat().replace("+00:00", "Z")
        cpu = {
            "cpu_usage": {"total_usage": counted["cpu"]},
            "system_cpu_usage": used["system"],
            "online_cpus": used["cpus"],
        }
        former_read, former = self._former.pop(identity, ("0001-01-01T00:00:00Z", {}))
        self._former[identity] = (read, cpu)
        if len(self._former) > REMEMBERED:
            del self._former[next(iter(self._former))]
        return {
            "id": identity,
            "name": name,
            "read": read,
            "preread": former_read,
            "cpu_stats": cpu,
            "precpu_stats": former,
            "memory_stats": counted["memory"],
            "pids_stats": counted["pids"],
            "networks": {"eth0": used["networks"][name]} if used["networks"][name] else {},
        }
