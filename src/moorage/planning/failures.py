"""What failed tasks mean for a deployment: how many there were, when the next may start, when it has failed.

A task that never was healthy has failed; one that ended soon after delays the next start (Amazon ECS developer guide,
"How the Amazon ECS deployment circuit breaker detects failures").
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.service import CircuitBreaker, Rollout
from moorage.domain.task import TaskState

QUICK_END: Final = timedelta(seconds=10)
"""A task that ends by itself this soon after it was healthy counts as a failure when the next start is timed."""


def with_failure(rollout: Rollout, state: TaskState, now: datetime) -> Rollout:
    """The rollout after a task of it ended by itself, or was given up."""
    ended_at = state.stop.at if state.stop is not None else now
    if state.healthy_at is not None and ended_at - state.healthy_at >= QUICK_END:
        return replace(rollout, failed_in_a_row=1, last_failure_at=ended_at, updated_at=now)
    failed = rollout.failed_tasks + (state.healthy_at is None)
    in_a_row = rollout.failed_in_a_row + 1
    return replace(rollout, failed_tasks=failed, failed_in_a_row=in_a_row, last_failure_at=ended_at, updated_at=now)


def with_healthy(rollout: Rollout, healthy_at: datetime | None, breaker: CircuitBreaker) -> Rollout:
    """The rollout after a task became healthy at `healthy_at`: that makes up for the failures before it."""
    news = healthy_at is not None and (rollout.healthy_at is None or healthy_at > rollout.healthy_at)
    if not news:
        return rollout
    return replace(rollout, healthy_at=healthy_at, failed_tasks=0 if breaker.reset else rollout.failed_tasks)
