"""Which log stream takes a container's output."""

from datetime import UTC, datetime
from typing import Any

from moorage.domain.service import Deployment
from moorage.domain.task import ContainerState, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.planning.log_sinks import LogSink, sinks
from moorage.planning.sidecar import proxy_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OPTIONS = {"awslogs-group": "/g", "awslogs-region": "eu-west-1"}


def found(started: bool, log_configuration: dict[str, Any] | None) -> tuple[LogSink, ...]:
    container: dict[str, Any] = {"name": "web", "image": "i", "logConfiguration": log_configuration}
    document = {"containerDefinitions": [container, {"name": "silent", "image": "i"}]}
    definition = TaskDefinition("1", "us-east-1", "f", 1, "ACTIVE", NOW, "", document)
    task = Task("1", "us-east-1", "c", "t1", NOW, definition.key, "g", "FARGATE")
    seen = tuple(
        ContainerState(name, runtime_id=f"id-{name}", started_at=NOW if started else None) for name in ("web", "silent")
    )
    return sinks(task, definition, TaskState("1", "us-east-1", "c", "t1", containers=seen))


def test_the_stream_is_prefix_container_and_task_in_the_options_region() -> None:
    options = OPTIONS | {"awslogs-stream-prefix": "p"}
    assert found(True, {"logDriver": "awslogs", "options": options}) == (
        LogSink("t1", "web", "1", "eu-west-1", "/g", "p/web/t1"),
    )


def test_without_a_prefix_the_stream_has_the_containers_own_id() -> None:
    assert [sink.stream for sink in found(True, {"logDriver": "awslogs", "options": OPTIONS})] == ["id-web"]


def test_nothing_is_followed_that_has_not_started_or_has_another_driver() -> None:
    assert found(False, {"logDriver": "awslogs", "options": OPTIONS}) == ()
    assert found(True, {"logDriver": "json-file"}) == ()
    assert found(True, None) == ()


def test_the_proxys_output_goes_where_service_connects_log_configuration_says() -> None:
    definition = TaskDefinition("1", "us-east-1", "f", 1, "ACTIVE", NOW, "", {"containerDefinitions": []})
    task = Task("1", "us-east-1", "c", "t1", NOW, definition.key, "g", "FARGATE")
    options = OPTIONS | {"awslogs-stream-prefix": "sc"}
    connect = {"enabled": True, "logConfiguration": {"logDriver": "awslogs", "options": options}}
    deployment = Deployment(
        "1", "us-east-1", "c", "s", "d", NOW, definition.key, "FARGATE", connect=connect, namespace_id="ns-1"
    )
    proxy = proxy_of(task, deployment, definition)
    assert proxy is not None
    state = TaskState("1", "us-east-1", "c", "t1", containers=(ContainerState(proxy.container, started_at=NOW),))
    (sink,) = sinks(task, definition, state, deployment)
    assert (sink.container, sink.group, sink.stream) == (proxy.container, "/g", f"sc/{proxy.container}/t1")
