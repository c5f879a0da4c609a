"""A new Task for a service, and the names that a plan may need. Ids are handed in: a planner draws none itself."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from moorage.domain import capacity_strategy
from moorage.domain.capacity_strategy import Strategy
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import candidates, capacity, placement
from moorage.planning.placement import Place


class Names(Protocol):
    """Where a plan gets fresh ids from; `engine.ports.Ids` is one."""

    def hex32(self) -> str: ...

    def digits(self, count: int) -> str: ...

    def uuid(self) -> str: ...


def new_tasks(
    service: Service, deployment: Deployment, places: Sequence[Place], world: World, names: Names, now: datetime
) -> list[Task]:
    """A task of a deployment for each of the places."""
    tasks = placement.placed([new_task(service, deployment, world, names, now) for _ in places], places)
    held = (task.capacity_provider for task in candidates.staying(world, deployment))
    return provided(tasks, deployment.capacity_provider_strategy, held)


def provided(tasks: Sequence[Task], strategy: Strategy, held: Iterable[str]) -> list[Task]:
    """The tasks with a capacity provider each, beside those that have the providers `held`; as they are without one."""
    chosen = capacity_strategy.providers(strategy, held, len(tasks))
    if not chosen:
        return list(tasks)
    return [replace(task, capacity_provider=name) for task, name in zip(tasks, chosen, strict=True)]


def new_task(service: Service, deployment: Deployment, world: World, names: Names, now: datetime) -> Task:
    """One more task of a deployment, as ECS starts it: group `service:<name>`, startedBy the deployment's id."""
    return Task(
        account=service.account,
        region=service.region,
        cluster=service.cluster,
        id=names.hex32(),
        created_at=now,
        task_definition=deployment.task_definition,
        group=f"service:{service.name}",
        launch_type=deployment.launch_type,
        service=service.name,
        deployment_id=deployment.id,
        started_by=deployment.id,
        platform_version=deployment.platform_version,
        availability_zone=capacity.zone(world, service.key[:3], deployment.launch_type),
        network=deployment.network,
        recorded=_recorded(service),
        tags=_propagated(service, world.get(TaskDefinition, deployment.task_definition)),
    )


def _recorded(service: Service) -> dict[str, Any]:
    return {"enableExecuteCommand": service.recorded.get("enableExecuteCommand", False)}


def _propagated(service: Service, definition: TaskDefinition | None) -> dict[str, str]:
    """The tags of the service or its task definition, as is asked; with ECS managed tags, where the task belongs."""
    source = service.recorded.get("propagateTags")
    tags = dict(service.tags) if source == "SERVICE" else {}
    if source == "TASK_DEFINITION" and definition is not None:
        tags = dict(definition.tags)
    if service.recorded.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": service.cluster, "aws:ecs:serviceName": service.name}
    return tags
