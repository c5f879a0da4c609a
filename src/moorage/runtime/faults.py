"""What goes wrong between a caller and the fake runtime: no answer, late answers, lost and doubled nudges.

Chance is handed in, so that a seed repeats a run exactly. What goes wrong inside a container is its Behaviour.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from moorage.engine.ports import Unavailable


class Faults(Protocol):
    """Asked by the fake runtime around each of its operations."""

    async def before(self, operation: str, task_id: str) -> None:
        """Let pass, wait, or raise Unavailable: the runtime did not hear the request."""

    async def after(self, operation: str, task_id: str) -> None:
        """Let pass, wait, or raise Unavailable: the runtime did as asked, but the caller does not hear of it."""

    def nudges(self, task_id: str) -> int:
        """How often a nudge arrives: 0 when it is lost, 2 when it is doubled."""


class NoFaults:
    """Everything arrives, once and at once."""

    async def before(self, operation: str, task_id: str) -> None:
        return None

    async def after(self, operation: str, task_id: str) -> None:
        return None

    def nudges(self, task_id: str) -> int:
        return 1


@dataclass(frozen=True)
class Odds:
    """Probabilities from 0 to 1, and the longest that an outage or a delay lasts, in seconds."""

    outage: float = 0.0
    longest_outage: float = 2.0
    lost_answer: float = 0.0
    delay: float = 0.0
    longest_delay: float = 0.5
    lost_nudge: float = 0.0
    doubled_nudge: float = 0.0


class ChanceFaults:
    """Faults by `chance`, which gives numbers from 0 up to 1, such as the `random` of a seeded generator."""

    def __init__(self, chance: Callable[[], float], odds: Odds) -> None:
        self._chance = chance
        self._odds = odds
        self._back_at = 0.0

    async def before(self, operation: str, task_id: str) -> None:
        loop = asyncio.get_running_loop()
        if self._chance() < self._odds.outage:
            self._back_at = max(self._back_at, loop.time() + self._chance() * self._odds.longest_outage)
        if loop.time() < self._back_at:
            raise Unavailable(f"the runtime did not answer to {operation}")
        await self._wait()

    async def after(self, operation: str, task_id: str) -> None:
        await self._wait()
        if self._chance() < self._odds.lost_answer:
            raise Unavailable(f"the runtime's answer to {operation} was lost")

    async def _wait(self) -> None:
        if self._chance() < self._odds.delay:
            await asyncio.sleep(self._chance() * self._odds.longest_delay)

    def nudges(self, task_id: str) -> int:
        drawn = self._chance()
        if drawn < self._odds.lost_nudge:
            return 0
        return 2 if drawn < self._odds.lost_nudge + self._odds.doubled_nudge else 1
