"""Container health checks: run inside the container, by the supervisor, whether the daemon is there or not.

ECS's rules: the first check after one interval; failures within the start period do not count, a success always does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from moorage.runtime.supervisor import clock
from moorage.runtime.supervisor.protocol import Refused

Check = Callable[[list[str], float], Awaitable[int]]
"""Runs a command with a timeout in seconds; returns its exit code."""


@dataclass(frozen=True)
class HealthCheck:
    """When and how to ask; seconds."""

    command: list[str]
    interval: float
    timeout: float
    retries: int
    start_period: float

    @property
    def argv(self) -> list[str]:
        """The program: CMD is executed as it is, CMD-SHELL by the container's shell."""
        kind, *words = self.command
        return ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words if kind == "CMD" else self.command


async def watch(health: HealthCheck, check: Check, note: Callable[[str], None]) -> None:
    """Ask for ever; `note` hears HEALTHY or UNHEALTHY after each answer that decides something."""
    started, failures = clock.steady(), 0
    while True:
        await asyncio.sleep(health.interval)
        try:
            code = await check(health.argv, health.timeout)
        except Refused:
            code = 1  # a command that cannot be started is a failed check
        if code == 0:
            failures = 0
            note("HEALTHY")
        elif clock.steady() - started >= health.start_period:
            failures += 1
            if failures >= health.retries:
                note("UNHEALTHY")
