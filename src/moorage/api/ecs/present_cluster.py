"""A cluster as DescribeClusters shows it. Counts are counted from the records of its services and tasks."""

from collections import Counter
from typing import Any

from moorage.api.ecs import references, tagging
from moorage.api.ecs.output import given
from moorage.domain.capacity import ContainerInstance
from moorage.domain.cluster import ACTIVE, INACTIVE, Cluster
from moorage.domain.service import Deployment, Service, deployment_key
from moorage.domain.service_rules import EC2, FARGATE
from moorage.domain.task import Status, Task, TaskState, stop_of
from moorage.domain.world import World

EVERYTHING = frozenset({"CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS", "ATTACHMENTS"})
STARTING = (Status.PROVISIONING, Status.PENDING)


def cluster(world: World, found: Cluster, include: frozenset[str] = EVERYTHING) -> dict[str, Any]:
    """The cluster, with the parts that were asked for by `include`."""
    services = _services(world, found)
    tasks = _tasks(world, found)
    defaults = {"namespace": found.default_namespace} if found.default_namespace else None
    return given(
        clusterArn=found.arn,
        clusterName=found.name,
        status=found.status,
        registeredContainerInstancesCount=len(_instances(world, found)),
        runningTasksCount=sum(count for (state, _), count in tasks.items() if state == "running"),
        pendingTasksCount=sum(count for (state, _), count in tasks.items() if state == "pending"),
        activeServicesCount=sum(count for (state, _), count in services.items() if state == "active"),
        statistics=_statistics(services, tasks) if "STATISTICS" in include else [],
        tags=tagging.present(found.tags) if "TAGS" in include else [],
        settings=_settings(found) if "SETTINGS" in include else [],
        configuration=found.configuration if "CONFIGURATIONS" in include else None,
        attachments=[] if "ATTACHMENTS" in include else None,
        capacityProviders=list(found.capacity_providers),
        defaultCapacityProviderStrategy=list(found.default_strategy),
        serviceConnectDefaults=defaults if found.status == ACTIVE else None,
    )


def _instances(world: World, found: Cluster) -> list[ContainerInstance]:
    """This machine, while the cluster is not deleted."""
    instance = world.get(ContainerInstance, found.key)
    return [] if instance is None or found.status == INACTIVE else [instance]


def live_services(world: World, found: Cluster) -> list[Service]:
    """The cluster's services that are not INACTIVE."""
    services = world.linked(Service, "cluster", found.key)
    return [service for service in services if not references.is_inactive(world, service)]


def live_tasks(world: World, found: Cluster) -> list[Task]:
    """The cluster's tasks that have not stopped."""
    tasks = world.linked(Task, "cluster", found.key)
    return [task for task in tasks if not _has_stopped(world.get(TaskState, task.key))]


def _has_stopped(state: TaskState | None) -> bool:
    return state is not None and state.status is Status.STOPPED


def _settings(found: Cluster) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in found.settings]


def _services(world: World, found: Cluster) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for service in live_services(world, found):
        deployment = world.get(Deployment, deployment_key(service.key, service.deployment_id))
        launch_type = deployment.launch_type if deployment is not None else ""
        counts["draining" if service.deleted_at else "active", launch_type] += 1
    return counts


def _tasks(world: World, found: Cluster) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for task in world.linked(Task, "cluster", found.key):
        state = world.get(TaskState, task.key)
        if state is not None and state.status is Status.RUNNING:
            counts["running", task.launch_type] += 1
        elif stop_of(task, state) is None and (state is None or state.status in STARTING):
            counts["pending", task.launch_type] += 1
    return counts


def _statistics(services: Counter[tuple[str, str]], tasks: Counter[tuple[str, str]]) -> list[dict[str, str]]:
    named = {EC2: "EC2", FARGATE: "Fargate"}
    rows = [
        (f"{state}{name}{what}Count", counts[state, launch_type])
        for what, counts, states in (
            ("Tasks", tasks, ("running", "pending")),
            ("Service", services, ("active", "draining")),
        )
        for launch_type, name in named.items()
        for state in states
    ]
    return [{"name": name, "value": str(count)} for name, count in rows]
