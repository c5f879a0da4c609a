"""A new Task for a service, and the names that a plan may need. Ids are handed in: a planner draws none itself."""

from datetime import datetime
from typing import Any, Protocol

from moorage.domain.service import Deployment, Service
from moorage.domain.task import Task
from moorage.domain.world import World
from moorage.planning import placement


class Names(Protocol):
    """Where a plan gets fresh ids from; `engine.ports.Ids` is one."""

    def hex32(self) -> str: ...

    def digits(self, count: int) -> str: ...

    def uuid(self) -> str: ...


def new_tasks(
    service: Service, deployment: Deployment, count: int, world: World, names: Names, now: datetime
) -> list[Task]:
    """`count` more tasks of a deployment, spread over its subnets beside those that it has."""
    tasks = [new_task(service, deployment, names, now) for _ in range(count)]
    return placement.placed(tasks, deployment.subnets, placement.beside(world, deployment))


def new_task(service: Service, deployment: Deployment, names: Names, now: datetime) -> Task:
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
        network=deployment.network,
        recorded=_recorded(service),
        tags=_propagated(service),
    )


def _recorded(service: Service) -> dict[str, Any]:
    return {"enableExecuteCommand": service.recorded.get("enableExecuteCommand", False)}


def _propagated(service: Service) -> dict[str, str]:
    """The service's own tags when they are to be propagated; with ECS managed tags, where the task belongs."""
    tags = dict(service.tags) if service.recorded.get("propagateTags") == "SERVICE" else {}
    if service.recorded.get("enableECSManagedTags"):
        tags |= {"aws:ecs:clusterName": service.cluster, "aws:ecs:serviceName": service.name}
    return tags
