"""When a container's health check is asked, and from when on its answers count; the time is the test's own."""

import asyncio
import contextlib

import pytest

from moorage.runtime.supervisor.health import HealthCheck, watch


class Container:
    """A container whose checks fail until an instant, watched until another."""

    def __init__(self, passes_from: float, end: float) -> None:
        self.time, self.passes_from, self.end = 0.0, passes_from, end
        self.said: list[tuple[float, str]] = []

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        if self.time > self.end:
            raise asyncio.CancelledError

    async def check(self, argv: list[str], seconds: float) -> int:
        return 0 if self.time >= self.passes_from else 1

    async def watched(self, health: HealthCheck) -> list[tuple[float, str]]:
        with contextlib.suppress(asyncio.CancelledError):
            await watch(health, self.check, self.note, lambda: self.time, self.sleep)
        return self.said

    def note(self, word: str) -> None:
        self.said.append((self.time, word))


@pytest.mark.parametrize(("interval", "retries", "at"), [(5, 1, 5), (5, 3, 15), (30, 2, 60)])
async def test_a_check_that_never_passes_is_unhealthy_after_its_retries(interval: int, retries: int, at: int) -> None:
    said = await Container(passes_from=1000, end=at + 1).watched(HealthCheck(["CMD", "x"], interval, 2, retries, 0))
    assert said == [(at, "UNHEALTHY")]


async def test_failures_in_the_start_period_do_not_count() -> None:
    said = await Container(passes_from=1000, end=21).watched(HealthCheck(["CMD", "x"], 5, 2, 2, 12))
    assert said == [(20, "UNHEALTHY")]


async def test_a_check_that_passes_early_is_healthy_at_once_and_asked_again_after_the_interval() -> None:
    said = await Container(passes_from=0.5, end=11).watched(HealthCheck(["CMD", "x"], 5, 2, 3, 0))
    assert said == [(0.75, "HEALTHY"), (5, "HEALTHY"), (10, "HEALTHY")]
