"""Container health checks: run inside the container, by the supervisor, whether the daemon is there or not.

ECS's rules: failures within the start period do not count, a success always does. ECS waits one interval before it
asks at all; here it is asked earlier, too, and only a success counts then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from moorage.runtime.supervisor import clock
from moorage.runtime.supervisor.protocol import Refused

FIRST_PAUSE = 0.25
"""Seconds until the first early check; each further one waits twice as long."""

Check = Callable[[list[str], float], Awaitable[int]]
"""Runs a command with a timeout in seconds; returns its exit code."""
Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


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


async def watch(
    health: HealthCheck,
    check: Check,
    note: Callable[[str], None],
    now: Now = clock.steady,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Ask for ever; `note` hears HEALTHY or UNHEALTHY after each answer that decides something.

    The first answer that counts is that of the check one interval after the start, however the early ones went.
    """
    started, failures = now(), 0
    if await _early(health, check, sleep):
        note("HEALTHY")
    due = started + health.interval
    while True:
        await sleep(max(0.0, due - now()))
        if await _passes(health, check):
            failures = 0
            note("HEALTHY")
        elif now() - started >= health.start_period:
            failures += 1
            if failures >= health.retries:
                note("UNHEALTHY")
        due = now() + health.interval


async def _early(health: HealthCheck, check: Check, sleep: Sleep) -> bool:
    """Whether a check passes before the first interval is over; failures until then do not count (decision 0008)."""
    waited, pause = 0.0, FIRST_PAUSE
    while waited + pause < health.interval:
        await sleep(pause)
        if await _passes(health, check):
            return True
        waited, pause = waited + pause, 2 * pause
    return False


async def _passes(health: HealthCheck, check: Check) -> bool:
    try:
        return await check(health.argv, health.timeout) == 0
    except Refused:
        return False  # a command that cannot be started is a failed check
