"""Task metadata of versions 4 and 3: a task and its containers as ECS's agent describes them to the task itself.

From the World to the documents; nothing is told that was not seen. How a task asks is `inside`'s concern.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from moorage.api.ecs import network_interface, present_task
from moorage.domain import arns
from moorage.domain.task import ContainerState, Task, TaskState, desired_status
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.planning import inside, log_sinks, sidecar

_SINCE_4: Final = frozenset({"LaunchType", "ServiceName", "ContainerARN", "LogDriver", "LogOptions", "RestartCount"})


@dataclass(frozen=True)
class Subject:
    """A task with all that is known of it."""

    task: Task
    state: TaskState
    definition: TaskDefinition


def _task_limits(found: Task, definition: TaskDefinition) -> dict[str, Any]:
    size = sidecar.size(found, definition)
    return _given(CPU=size.cpu / 1024 or None, Memory=size.memory or None)


def task(subject: Subject, with_tags: bool = False) -> dict[str, Any]:
    """The task with its containers."""
    found, state, definition = subject.task, subject.state, subject.definition
    document = {
        "Cluster": arns.cluster(found.account, found.region, found.cluster),
        "TaskARN": found.arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": desired_status(found, state),
        "KnownStatus": str(state.status),
        "Limits": _task_limits(found, definition) or None,
        "PullStartedAt": _instant(state.pull_started_at),
        "PullStoppedAt": _instant(state.pull_stopped_at),
        "ExecutionStoppedAt": _instant(state.execution_stopped_at),
        "AvailabilityZone": found.availability_zone,
        "LaunchType": found.launch_type,
        "ServiceName": found.service,
        "Containers": [container(subject, each.name) for each in state.containers],
        "TaskTags": found.tags if with_tags else None,
    }
    return _given(**document)


def container(subject: Subject, name: str) -> dict[str, Any]:
    """One container; the proxy has no definition of its own."""
    found, state = subject.task, subject.state
    seen = state.container(name) or ContainerState(name)
    definition = next((each for each in subject.definition.containers if each.name == name), None)
    return _given(
        DockerId=inside.container_id(found.id, name),
        Name=name,
        DockerName=name,
        Image=definition.image if definition is not None else None,
        ImageID=seen.image_digest or None,
        Labels=_labels(subject, name, definition),
        DesiredStatus=desired_status(found, state),
        KnownStatus=seen.status,
        ExitCode=seen.exit_code,
        RestartCount=seen.restarts if definition is not None and definition.restart else None,
        Limits=_limits(definition),
        CreatedAt=_instant(seen.started_at),
        StartedAt=_instant(seen.started_at),
        FinishedAt=_instant(seen.stopped_at),
        Type="NORMAL" if definition is not None else "SERVICE_CONNECT_RELAY",
        Health={"status": seen.health} if definition is not None and definition.health_check else None,
        ContainerARN=present_task.container_arn(found, name),
        Networks=list(_networks(subject, seen)),
        Ports=list(_ports(state, seen)) or None,
        **_logging(subject, seen, definition),
    )


def version_3(document: dict[str, Any]) -> dict[str, Any]:
    """The document as version 3 of the endpoint has it: without what came with version 4 (its page in the guide)."""
    kept = {name: value for name, value in document.items() if name not in _SINCE_4}
    if "Containers" in kept:
        kept["Containers"] = [version_3(each) for each in kept["Containers"]]
    return kept


def name_of(subject: Subject, identity: str) -> str | None:
    """The container that a path of the task names."""
    names = (each.name for each in subject.state.containers)
    return next((name for name in names if inside.container_id(subject.task.id, name) == identity), None)


def _labels(subject: Subject, name: str, definition: ContainerDefinition | None) -> dict[str, str]:
    found = subject.task
    own = definition.document.get("dockerLabels", {}) if definition is not None else {}
    return {
        **own,
        "com.amazonaws.ecs.cluster": arns.cluster(found.account, found.region, found.cluster),
        "com.amazonaws.ecs.container-name": name,
        "com.amazonaws.ecs.task-arn": found.arn,
        "com.amazonaws.ecs.task-definition-family": subject.definition.family,
        "com.amazonaws.ecs.task-definition-version": str(subject.definition.revision),
    }


def _limits(definition: ContainerDefinition | None) -> dict[str, Any] | None:
    if definition is None:
        return None
    return _given(CPU=definition.document.get("cpu", 0), Memory=definition.document.get("memory"))


def _logging(subject: Subject, seen: ContainerState, definition: ContainerDefinition | None) -> dict[str, Any]:
    """As the driver has them: of awslogs, the stream itself and not the prefix that it is named by."""
    configuration: Mapping[str, Any] = definition.document.get("logConfiguration", {}) if definition else {}
    driver, options = configuration.get("logDriver"), configuration.get("options")
    if driver == "awslogs" and options:
        stream = log_sinks.stream(subject.task.id, seen.name, options, seen.runtime_id)
        options = {name: value for name, value in options.items() if name != "awslogs-stream-prefix"}
        options["awslogs-stream"] = stream
    return _given(LogDriver=driver, LogOptions=options)


def _networks(subject: Subject, seen: ContainerState) -> Iterator[dict[str, Any]]:
    mode = subject.definition.mode
    if subject.state.address:
        yield {
            "NetworkMode": mode,
            "IPv4Addresses": [subject.state.address],
            "AttachmentIndex": 0,
            "MACAddress": network_interface.mac_address(subject.state.address),
        }
    elif seen.address:
        yield {"NetworkMode": mode, "IPv4Addresses": [seen.address]}


def _ports(state: TaskState, seen: ContainerState) -> Iterator[dict[str, Any]]:
    for each in present_task.bindings(state, seen):
        for step in range(each.size):
            numbers = {"ContainerPort": each.container_port + step, "HostPort": each.host_port + step}
            yield {**numbers, "Protocol": each.protocol, "HostIp": present_task.ANYWHERE}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None and value != ""}
