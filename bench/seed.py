"""Worlds to measure in: services with their tasks and events, and a namespace whose names lead to endpoints.

Made as records, not by requests: ten thousand tasks need not run to be listed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from moorage.domain.changes import Put
from moorage.domain.cluster import Cluster
from moorage.domain.connect import ConnectEndpoint, KnownName, freeze
from moorage.domain.registry import HTTP, Instance, Namespace, RegistryService
from moorage.domain.service import COMPLETED, REPLICA, Deployment, Rollout, Service, ServiceEvent, ServiceProgress
from moorage.domain.task import ContainerState, Status, Task, TaskState
from moorage.domain.task_definition import ACTIVE, Family, TaskDefinition
from moorage.engine.ports import Store

HOME = ("000000000000", "us-east-1")
CLUSTER = "bench"
SPACE = "ns-bench"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
IN_ONE_COMMIT = 5000


async def fill(store: Store, records: Iterable[Any]) -> None:
    """Commit the records, some thousands at a time."""
    rest = iter(records)
    while part := [Put(record) for record in islice(rest, IN_ONE_COMMIT)]:
        await store.commit(part, {})


def services(count: int, tasks_each: int = 0, events: int = 5, more: dict[str, Any] | None = None) -> list[Any]:
    """Services that have reached their desired count, with their tasks RUNNING, and as many events.

    `more` are members of their deployments.
    """
    records: list[Any] = [Cluster(*HOME, CLUSTER, ACTIVE, NOON), definition("web", {5000})]
    for number in range(count):
        records += _service(f"service-{number:05d}", tasks_each, events, more=more)
    return records


def whole(count: int, tasks_each: int) -> list[Any]:
    """Services in a namespace where each has a name with its tasks behind it, and as many families of definitions."""
    records = namespace(count, tasks_each) + services(count, tasks_each, more={"namespace_id": SPACE})
    for number in range(count):
        family = f"family-{number:05d}"
        records += [Family(*HOME, family, 1), definition(family, {5000})]
    return records


def namespace(names: int, endpoints: int) -> list[Any]:
    """A namespace of so many names, each with so many endpoints behind it."""
    records: list[Any] = [Namespace(*HOME, SPACE, "bench.local", HTTP, NOON)]
    for number in range(names):
        records += [RegistryService(*HOME, f"srv-{number}", f"name-{number}", SPACE, HTTP, NOON), _alias(number)]
        records += [instance(number, which) for which in range(endpoints)]
    return records


def known(names: int) -> tuple[KnownName, ...]:
    return freeze(_alias(number) for number in range(names))


def client(number: int, names: tuple[KnownName, ...], apart: bool = True, tasks: int = 1) -> list[Any]:
    """A service with running tasks whose proxies know the names. `apart`: its ports are no other client's.

    The proxy takes the first port from 42000 that its task does not use: so a task uses those of the clients before.
    """
    family = f"client-{number}"
    connect = {"enabled": True, "namespace": "bench.local"}
    records = _service(family, tasks, 0, family, {"connect": connect, "namespace_id": SPACE, "known": names})
    return [definition(family, set(range(42000, 42000 + number)) if apart else set()), *records]


def instance(number: int, which: int) -> Instance:
    """What ECS keeps in Cloud Map for one task behind a name."""
    attributes = {
        "AWS_INSTANCE_IPV4": f"100.{64 + number % 32}.{number // 32}.{which + 2}",
        "AWS_INSTANCE_PORT": "5000",
    }
    return Instance(*HOME, f"srv-{number}", f"{number:04d}-{which:04d}", attributes, NOON, task_id=f"t{number}-{which}")


def definition(family: str, ports: set[int]) -> TaskDefinition:
    mappings = [{"containerPort": port, "name": f"p{port}", "appProtocol": "http"} for port in sorted(ports)]
    container = {"name": "app", "image": "web", "essential": True, "portMappings": mappings}
    document = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", "containerDefinitions": [container]}
    return TaskDefinition(*HOME, family, 1, ACTIVE, NOON, "root", document)


def _alias(number: int) -> ConnectEndpoint:
    name, owner = f"name-{number}", (*HOME, CLUSTER, f"service-{number:05d}")
    return ConnectEndpoint(
        *HOME, SPACE, name, f"srv-{number}", f"{name}.bench.local", 80, "p5000", 5000, 5000, "http", 300, 15, owner
    )


def _service(name: str, tasks: int, events: int, family: str = "web", more: dict[str, Any] | None = None) -> list[Any]:
    place = (*HOME, CLUSTER)
    deployment = Deployment(
        *place, name, f"ecs-svc/{number_of(name):019d}", NOON, definition(family, set()).key, "FARGATE", **more or {}
    )
    told = tuple(
        ServiceEvent(
            f"00000000-0000-4000-8000-{number_of(name):08d}{number:04d}",
            NOON - timedelta(minutes=number),
            f"(service {name}) has reached a steady state.",
        )
        for number in range(events)
    )
    records = [
        Service(*place, name, NOON, "root", tasks, REPLICA, deployment.id),
        deployment,
        Rollout(*place, name, deployment.id, COMPLETED, f"ECS deployment {deployment.id} completed.", NOON),
        ServiceProgress(*place, name, told, steady=True),
    ]
    return records + [record for which in range(tasks) for record in _task(deployment, which)]


def _task(deployment: Deployment, which: int) -> tuple[Task, TaskState]:
    id_ = f"{number_of(deployment.service):016x}{which:016x}"
    place = (*HOME, CLUSTER)
    task = Task(
        *(*place, id_, NOON, deployment.task_definition, f"service:{deployment.service}", "FARGATE"),
        service=deployment.service,
        deployment_id=deployment.id,
    )
    containers = (ContainerState("app", "RUNNING", started_at=NOON),)
    address = f"100.100.{which // 250}.{which % 250}"
    state = TaskState(
        *(*place, id_, Status.RUNNING),
        address=address,
        containers=containers,
        started_at=NOON,
        healthy_at=NOON,
    )
    return task, state


def number_of(name: str) -> int:
    """Services and clients are numbered apart."""
    kind, _, number = name.rpartition("-")
    return int(number) + (1_000_000 if kind == "client" else 0)
