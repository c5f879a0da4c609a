"""Which ports of the instance's address lead to which task's containers: claimed whole, given back with the task.

Fixed ports are taken as they are asked for; the others come from the ephemeral range, as Docker chooses them. How a
port leads to a container, `rules` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moorage.runtime.supervisor.protocol import Refused


@dataclass(frozen=True)
class Binding:
    """`size` ports of the instance that lead to as many of a container."""

    container: str
    container_port: int
    host_port: int
    protocol: str
    size: int
    ranged: bool


class HostPorts:
    """The ports of the instance's address that tasks have. One that was given back is the last to be chosen again."""

    def __init__(self, ephemeral: range) -> None:
        self._ephemeral = ephemeral
        self._next = ephemeral.start
        self._held: dict[tuple[str, int], str] = {}

    def claim(self, task_id: str, asked: Sequence[dict[str, Any]]) -> list[Binding]:
        """All ports that a task asks for, or none and Refused."""
        try:
            # Those that are fixed first: a chosen port must not be one of them.
            fixed = {id(each): self._take(task_id, each) for each in asked if each["host_port"]}
            return [fixed.get(id(each)) or self._take(task_id, each) for each in asked]
        except Refused:
            self.release(task_id)
            raise

    def release(self, task_id: str) -> None:
        """Give back what the task has."""
        self._held = {port: holder for port, holder in self._held.items() if holder != task_id}

    def _take(self, task_id: str, asked: dict[str, Any]) -> Binding:
        protocol, size = asked["protocol"], asked["size"]
        first: int = asked["host_port"] or self._choose(protocol, size)
        for port in range(first, first + size):
            if (protocol, port) in self._held:
                raise Refused("CannotStart", f"Bind for 0.0.0.0:{port} failed: port is already allocated")
            self._held[(protocol, port)] = task_id
        return Binding(**{**asked, "host_port": first})

    def _choose(self, protocol: str, size: int) -> int:
        """The first of `size` free ports in a row, after the one that was chosen last."""
        start: int
        for start in (*range(self._next, self._ephemeral.stop), *range(self._ephemeral.start, self._next)):
            row = range(start, start + size)
            if row.stop <= self._ephemeral.stop and not any((protocol, port) in self._held for port in row):
                self._next = row.stop if row.stop < self._ephemeral.stop else self._ephemeral.start
                return start
        raise Refused("CannotStart", f"all {protocol} ports of the ephemeral range {self._ephemeral} are allocated")
