"""When a task counts as healthy. Rules: docs/reference/service-connect.md section 2.6, the initial health gate."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.task import ContainerState, TaskState
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition

LONGEST_GATE: Final = timedelta(minutes=8)
"""Traffic flows after this long even to a task that has not said that it is healthy."""


def checked(definition: TaskDefinition) -> list[ContainerDefinition]:
    """The essential containers that have a health check: the task's health is theirs."""
    return [
        c for c in definition.containers if c.essential and c.health_check and c.health_check["command"] != ["NONE"]
    ]


def of_task(definition: TaskDefinition, containers: Iterable[ContainerState]) -> str:
    """HEALTHY, UNHEALTHY or UNKNOWN, as ECS computes it from the essential containers with a health check."""
    names = {container.name for container in checked(definition)}
    seen = {container.health for container in containers if container.name in names}
    if "UNHEALTHY" in seen:
        return "UNHEALTHY"
    return "HEALTHY" if seen == {"HEALTHY"} else "UNKNOWN"


def opens_in(definition: TaskDefinition, state: TaskState, now: datetime) -> timedelta | None:
    """How long the gate stays shut if nothing changes; zero: it is open; None: the task is not up yet.

    No health check, or HEALTHY: open. UNKNOWN: until the checks have had their time. UNHEALTHY: the longest time.
    """
    if state.started_at is None:
        return None
    containers = checked(definition)
    if not containers or state.health == "HEALTHY" or state.healthy_at is not None:
        return timedelta(0)
    gate = LONGEST_GATE if state.health == "UNHEALTHY" else max(_time_for(c) for c in containers)
    return max(timedelta(0), state.started_at + gate - now)


def _time_for(container: ContainerDefinition) -> timedelta:
    """How long a health check may take to say HEALTHY or UNHEALTHY."""
    check = container.health_check or {}
    one = check.get("interval", 30) + check.get("timeout", 5)
    return min(LONGEST_GATE, timedelta(seconds=check.get("startPeriod", 0) + one * check.get("retries", 3)))
