"""Where the output of a task's containers goes, by the `awslogs` driver's options.

Naming follows the ECS developer guide, "Using the awslogs log driver". How lines get there is the engine's affair.
"""

import re
from collections.abc import Mapping
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
    first_line: re.Pattern[str] | None = field(default=None, compare=False)


def sinks(
    task: Task, definition: TaskDefinition, state: TaskState | None, deployment: Deployment | None = None
) -> tuple[LogSink, ...]:
    """The streams of those containers of the task, proxy included, that have started and whose driver is awslogs."""
    if state is None:
        return ()
    drivers: list[tuple[str, Mapping[str, Any]]] = [
        (container["name"], container.get("logConfiguration") or {})
        for container in definition.document["containerDefinitions"]
    ]
    proxy = sidecar.proxy_of(task, deployment, definition)
    if proxy is not None and deployment is not None:
        drivers.append((proxy.container, proxy_output.log_configuration(deployment.connect)))
    found = (_sink(task, state, name, driver) for name, driver in drivers)
    return tuple(sink for sink in found if sink is not None)


def _sink(task: Task, state: TaskState, name: str, driver: Mapping[str, Any]) -> LogSink | None:
    seen = state.container(name)
    if driver.get("logDriver") != "awslogs" or seen is None or seen.started_at is None:
        return None
    options = driver["options"]
    prefix = options.get("awslogs-stream-prefix")
    # Without a prefix the stream has the container's own id for a name.
    stream = f"{prefix}/{name}/{task.id}" if prefix else seen.runtime_id or task.id
    names = options["awslogs-region"], options["awslogs-group"], stream
    return LogSink(task.id, name, task.account, *names, run=seen.restarts, first_line=log_lines.first_line(options))
