"""Where the output of a task's containers goes, by the `awslogs` driver's options.

Naming follows the ECS developer guide, "Using the awslogs log driver". How lines get there is the engine's affair.
"""

from dataclasses import dataclass

from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition


@dataclass(frozen=True)
class LogSink:
    """The log stream that takes what one container writes."""

    task_id: str
    container: str
    account: str
    region: str
    group: str
    stream: str


def sinks(task: Task, definition: TaskDefinition, state: TaskState | None) -> tuple[LogSink, ...]:
    """The streams of those containers of the task that have started and whose driver is awslogs."""
    found = []
    for container in definition.document["containerDefinitions"]:
        configuration = container.get("logConfiguration") or {}
        seen = state.container(container["name"]) if state is not None else None
        if configuration.get("logDriver") != "awslogs" or seen is None or seen.started_at is None:
            continue
        options = configuration["options"]
        prefix = options.get("awslogs-stream-prefix")
        # Without a prefix the stream has the container's own id for a name.
        stream = f"{prefix}/{seen.name}/{task.id}" if prefix else seen.runtime_id or task.id
        found.append(
            LogSink(task.id, seen.name, task.account, options["awslogs-region"], options["awslogs-group"], stream)
        )
    return tuple(found)
