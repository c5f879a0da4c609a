"""The arithmetic of a rolling update: how many tasks may start, how many may stop, and when there is no room to move.

Source: Amazon ECS API reference, DeploymentConfiguration; amazon ECS developer guide, "Rolling update" and
"Deployment circuit breaker".
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor
from typing import Final

from moorage.domain.service import COUNT, UNBOUNDED_PERCENT, CircuitBreaker, DeploymentConfiguration

FIRST_DELAY: Final = timedelta(seconds=1)
LONGEST_DELAY: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Count:
    """Tasks of one side of a rollout that nobody has stopped: all of them, and those that count as healthy."""

    live: int
    healthy: int


@dataclass(frozen=True)
class Room:
    """How many tasks of the new deployment may start, how many healthy old ones may stop; or why neither can."""

    starts: int
    stops: int
    blocked: str = ""


def floor_of(desired: int, configuration: DeploymentConfiguration) -> int:
    """The least number of healthy tasks that is kept: `minimumHealthyPercent` of the desired count, rounded up."""
    return ceil(desired * configuration.minimum_healthy_percent / 100)


def ceiling_of(desired: int, configuration: DeploymentConfiguration) -> int:
    """The greatest number of tasks that run at once: `maximumPercent` of the desired count, rounded down."""
    return floor(desired * configuration.maximum_percent / 100)


def room(desired: int, new: Count, old: Count, configuration: DeploymentConfiguration, sick: int = 0) -> Room:
    """What a rolling update may do now, beside so many `sick` tasks that stay until others have replaced them.

    Old tasks that are not healthy are not counted in `old.live`: they hold no floor and go at once. A healthy old
    task stops when more tasks than desired are healthy, or when the ceiling leaves no place for a new one and the
    floor lets it go.
    """
    missing = max(0, desired - new.live)
    place = max(0, ceiling_of(desired, configuration) - new.live - old.live - sick)
    starts = min(missing, place)
    spare = max(0, new.healthy + old.healthy - desired)
    if missing > starts:
        above_floor = max(0, new.healthy + old.healthy - floor_of(desired, configuration))
        spare = max(spare, min(above_floor, missing - starts))
    stops = min(spare, old.healthy)
    if missing and not starts and not stops and new.live == new.healthy:
        return Room(0, 0, _why_blocked(desired, configuration))
    return Room(starts, stops)


def _why_blocked(desired: int, configuration: DeploymentConfiguration) -> str:
    return (
        f"no room to move: with desiredCount {desired}, minimumHealthyPercent "
        f"{configuration.minimum_healthy_percent} keeps {floor_of(desired, configuration)} tasks and maximumPercent "
        f"{configuration.maximum_percent} allows {ceiling_of(desired, configuration)}"
    )


def breaker_threshold(desired: int, breaker: CircuitBreaker) -> int:
    """How many failed tasks make the circuit breaker act; a bounded percentage gives at least 3 and at most 200."""
    if breaker.threshold_type == COUNT:
        return breaker.threshold
    part = ceil(desired * breaker.threshold / 100)
    return max(1, part) if breaker.threshold_type == UNBOUNDED_PERCENT else min(200, max(3, part))


def delay_after(failures: int) -> timedelta:
    """How long to wait before the next start after so many failures in a row: 0, then 1 s doubling up to 5 minutes."""
    if failures <= 1:
        return timedelta(0)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(failures - 2, 16)))
