"""The order in which the containers of a task start and stop: `dependsOn` and its conditions.

Source: Amazon ECS developer guide, task definition parameters, "Container dependency". The proxy is not named there:
every container waits for it, and it outlives them all; `containers` sees to that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from moorage.domain.task import ContainerState, TaskState
from moorage.domain.task_definition import ContainerDefinition, Dependency, TaskDefinition


def startable(definition: TaskDefinition, state: TaskState) -> list[str]:
    """The containers that have not started and that wait for nothing any longer, in the definition's order."""
    return [
        container.name
        for container in definition.containers
        if _pending(state, container.name) and all(_met(dep, state) for dep in container.depends_on)
    ]


def impossible(definition: TaskDefinition, state: TaskState, now: datetime) -> str | None:
    """Why a container that has not started never can, in a sentence; None while all still may."""
    limits = {c.name: timedelta(seconds=c.start_timeout) for c in definition.containers if c.start_timeout}
    for container in definition.containers:
        if not _pending(state, container.name):
            continue
        for dependency in container.depends_on:
            if (why := _never(dependency, state) or _too_slow(dependency, state, limits, now)) is not None:
                return f"Container {container.name} cannot start: {why}"
    return None


def unmet(definition: TaskDefinition, state: TaskState) -> list[str]:
    """What containers that have not started wait for, a clause each."""
    return [
        f"container {container.name} waits until {dependency.container} is {_MEANINGS[dependency.condition]}"
        for container in definition.containers
        if _pending(state, container.name)
        for dependency in container.depends_on
        if not _met(dependency, state)
    ]


def stoppable(definition: TaskDefinition, running: Sequence[str]) -> list[str]:
    """Of the running containers, those that no other running container depends on."""
    needed = {
        dependency.container
        for container in definition.containers
        if container.name in running
        for dependency in container.depends_on
    }
    return [name for name in running if name not in needed]


def _pending(state: TaskState, name: str) -> bool:
    container = state.container(name)
    return container is not None and container.status == "PENDING"


def _met(dependency: Dependency, state: TaskState) -> bool:
    other = state.container(dependency.container)
    return other is not None and _CONDITIONS[dependency.condition](other)


_CONDITIONS = {
    "START": lambda other: other.status != "PENDING",
    "COMPLETE": lambda other: other.status == "STOPPED",
    "SUCCESS": lambda other: other.status == "STOPPED" and other.exit_code == 0,
    "HEALTHY": lambda other: other.status == "RUNNING" and other.health == "HEALTHY",
}


_MEANINGS = {
    "START": "started",
    "COMPLETE": "over",
    "SUCCESS": "over with success",
    "HEALTHY": "HEALTHY",
}


def _never(dependency: Dependency, state: TaskState) -> str | None:
    other = state.container(dependency.container)
    if other is None:
        return None
    if dependency.condition == "SUCCESS" and other.status == "STOPPED" and other.exit_code != 0:
        return f"{other.name} was to succeed and exited with code {_code(other)}"
    if dependency.condition == "HEALTHY" and other.health == "UNHEALTHY":
        return f"{other.name} was to become healthy and is unhealthy"
    if dependency.condition == "HEALTHY" and other.status == "STOPPED":
        return f"{other.name} was to become healthy and exited with code {_code(other)}"
    return None


def _too_slow(dependency: Dependency, state: TaskState, limits: Mapping[str, timedelta], now: datetime) -> str | None:
    """A dependency that has a `startTimeout` and did not reach the condition within it."""
    other, limit = state.container(dependency.container), limits.get(dependency.container)
    if other is None or other.started_at is None or limit is None or _met(dependency, state):
        return None
    late = now - other.started_at > limit
    return f"{other.name} was not {dependency.condition} within its startTimeout" if late else None


def _code(container: ContainerState) -> str:
    return "unknown" if container.exit_code is None else str(container.exit_code)


def order(containers: Sequence[ContainerDefinition]) -> list[str]:
    """The containers' names so that each comes after those it depends on; ValueError names a cycle."""
    waiting = {c.name: {dependency.container for dependency in c.depends_on} for c in containers}
    ordered: list[str] = []
    while waiting:
        free = [name for name, needs in waiting.items() if not needs & waiting.keys()]
        if not free:
            raise ValueError(f"containers depend on each other in a circle: {', '.join(sorted(waiting))}")
        ordered += free
        waiting = {name: needs for name, needs in waiting.items() if name not in free}
    return ordered
