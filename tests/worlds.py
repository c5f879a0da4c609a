"""Builders of Worlds for planner tests, and the moves that a runtime would make in them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage.domain.changes import Put
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.registry import HTTP, Namespace, RegistryService
from moorage.domain.service import (
    IN_PROGRESS,
    REPLICA,
    Deployment,
    DeploymentConfiguration,
    Rollout,
    Service,
    ServiceProgress,
)
from moorage.domain.task import ContainerState, Status, Stop, StopCode, Task, TaskState, stop_of
from moorage.domain.task_definition import ACTIVE, TaskDefinition
from moorage.domain.world import World

HOME = ("111122223333", "us-east-1")
CLUSTER = "demo"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMESPACE = "ns-aaaaaaaaaaaaaaaa"


class Counter:
    """Ids that count: what a planner is handed instead of randomness."""

    def __init__(self) -> None:
        self._next = 0

    def _number(self) -> int:
        self._next += 1
        return self._next

    def hex32(self) -> str:
        return f"{self._number():032x}"

    def digits(self, count: int) -> str:
        return str(10 ** (count - 1) + self._number())

    def letters(self, count: int) -> str:
        return f"a{self._number():0{count - 1}d}"

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{self._number():012d}"


def definition(family: str = "web", containers: list[dict[str, Any]] | None = None, **document: Any) -> TaskDefinition:
    containers = containers or [
        {
            "name": "app",
            "image": "web",
            "essential": True,
            "portMappings": [{"name": "web", "containerPort": 5000, "appProtocol": "http"}],
        }
    ]
    body = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", **document, "containerDefinitions": containers}
    return TaskDefinition(*HOME, family, 1, ACTIVE, NOON, "root", body)


def deployment(service: str, number: int, family: str = "web", **more: Any) -> Deployment:
    td = definition(family).key
    return Deployment(*HOME, CLUSTER, service, f"ecs-svc/{number:019d}", NOON, td, "FARGATE", **more)


def service(name: str = "web", desired: int = 2, minimum: int = 100, maximum: int = 200, **more: Any) -> Service:
    configuration = DeploymentConfiguration(maximum_percent=maximum, minimum_healthy_percent=minimum)
    first = deployment(name, 1).id
    return Service(
        *HOME, CLUSTER, name, NOON, "root", desired, REPLICA, first, deployment_configuration=configuration, **more
    )


def rollout(of: Deployment, state: str = IN_PROGRESS) -> Rollout:
    return Rollout(*HOME, of.cluster, of.service, of.id, state, "in progress", NOON)


def world_with(spec: Service, *deployments: Deployment, family: str = "web") -> World:
    deployments = deployments or (deployment(spec.name, 1, family),)
    progress = ServiceProgress(*HOME, CLUSTER, spec.name)
    records = [definition(family), spec, progress, *deployments, *(rollout(d) for d in deployments)]
    return World.empty().apply(Put(record) for record in records)


def exposing(spec: Service) -> tuple[list[Any], Deployment]:
    """The records of a service that exposes port name `web` as alias web.demo:80, and its first deployment."""
    namespace = Namespace(*HOME, NAMESPACE, "demo", HTTP, NOON)
    registry = RegistryService(*HOME, "srv-aaaaaaaaaaaaaaaa", "web", NAMESPACE, HTTP, NOON, managed_by=spec.arn)
    endpoint = ConnectEndpoint(
        *HOME, NAMESPACE, "web", registry.id, "web.demo", 80, "web", 5000, 5000, "http", 300, 15, spec.key
    )
    connect = {"enabled": True, "services": [{"portName": "web", "clientAliases": [{"port": 80}]}]}
    first = deployment(
        spec.name,
        1,
        connect=connect,
        namespace_id=NAMESPACE,
        known=freeze([endpoint]),
        discovery=(("web", registry.arn),),
    )
    return [namespace, registry, endpoint], first


def tasks(world: World, name: str = "web") -> list[tuple[Task, TaskState | None]]:
    found = world.linked(Task, "service", (*HOME, CLUSTER, name))
    return [(task, world.get(TaskState, task.key)) for task in found]


def running(task: Task, since: datetime = NOON, healthy: bool = True) -> TaskState:
    return TaskState(
        *task.key,
        status=Status.RUNNING,
        address="100.64.0.9",
        containers=(ContainerState("app", "RUNNING", started_at=since),),
        started_at=since,
        healthy_at=since if healthy else None,
    )


def stopped(task: Task, state: TaskState | None, now: datetime) -> TaskState:
    before = state or TaskState(*task.key)
    return replace(before, status=Status.STOPPED, stopped_at=now)


def crashed(task: Task, state: TaskState | None, now: datetime) -> TaskState:
    before = state or TaskState(*task.key)
    stop = Stop(StopCode.ESSENTIAL_CONTAINER_EXITED, "Essential container in task exited", now)
    return replace(before, status=Status.STOPPED, stop=stop, stopped_at=now)


def live(world: World, name: str = "web") -> list[tuple[Task, TaskState | None]]:
    return [(t, s) for t, s in tasks(world, name) if stop_of(t, s) is None]


def healthy(world: World, name: str = "web") -> int:
    return sum(s is not None and s.healthy_at is not None for _, s in live(world, name))


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)
