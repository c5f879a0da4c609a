"""Where the output of a task's containers goes, by the `awslogs` driver's options.

Naming follows the ECS developer guide, "Using the awslogs log driver". How lines get there is the engine's affair.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.domain import log_lines, proxy_output
from moorage.domain.service import Deployment
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import sidecar


@dataclass(frozen=True)
class LogSink:
    """The log stream that takes what one container writes, in all of its runs; `run` is which of them goes on.

    `first_line`: what the first line of each event matches; None where every line is an event.
    """

    task_id: str
    container: str
    account: str
    region: str
    group: str
    stream: str
    run: int = field(default=0, compare=False)
    create_group: bool = field(default=False, compare=False)
    first_line: re.Pattern[str] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class LogGroup:
    """A log group that containers of a task write to. `create`: it is made where it is missing."""

    region: str
    name: str
    create: bool


def groups(task: Task, definition: TaskDefinition, deployment: Deployment | None = None) -> tuple[LogGroup, ...]:
    """The groups of the task's containers, proxy included, whose driver is awslogs: each once, one to make first."""
    awslogs = [driver["options"] for _, driver in _drivers(task, definition, deployment) if _is_awslogs(driver)]
    made = {(each["awslogs-region"], each["awslogs-group"]): False for each in awslogs}
    made |= {(each["awslogs-region"], each["awslogs-group"]): True for each in awslogs if log_lines.creates(each)}
    return tuple(LogGroup(region, name, create) for (region, name), create in made.items())


def sinks(
    task: Task, definition: TaskDefinition, state: TaskState | None, deployment: Deployment | None = None
) -> tuple[LogSink, ...]:
    """The streams of those containers of the task, proxy included, that have started and whose driver is awslogs."""
    if state is None:
        return ()
    found = (_sink(task, state, name, driver) for name, driver in _drivers(task, definition, deployment))
    return tuple(sink for sink in found if sink is not None)


def stream(task_id: str, container: str, options: Mapping[str, str], runtime_id: str = "") -> str:
    """The stream's name; without a prefix it is the container's own id."""
    prefix = options.get("awslogs-stream-prefix")
    return f"{prefix}/{container}/{task_id}" if prefix else runtime_id or task_id


def _drivers(
    task: Task, definition: TaskDefinition, deployment: Deployment | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The log configuration of each container by its name, an empty one where there is none."""
    for container in definition.document["containerDefinitions"]:
        yield container["name"], container.get("logConfiguration") or {}
    proxy = sidecar.proxy_of(task, deployment, definition)
    if proxy is not None and deployment is not None:
        yield proxy.container, proxy_output.log_configuration(deployment.connect)


def _is_awslogs(driver: Mapping[str, Any]) -> bool:
    return driver.get("logDriver") == "awslogs"


def _sink(task: Task, state: TaskState, name: str, driver: Mapping[str, Any]) -> LogSink | None:
    seen = state.container(name)
    if not _is_awslogs(driver) or seen is None or seen.started_at is None:
        return None
    options = driver["options"]
    where = options["awslogs-region"], options["awslogs-group"], stream(task.id, name, options, seen.runtime_id)
    return LogSink(
        *(task.id, name, task.account, *where),
        run=seen.restarts,
        create_group=log_lines.creates(options),
        first_line=log_lines.first_line(options),
    )
