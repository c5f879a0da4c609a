"""A cluster as DescribeClusters shows it. Its counts are those of look-ups, as `domain/standing` has them."""

from hashlib import sha256
from typing import Any, Final

from moorage.api.ecs import tagging
from moorage.api.ecs.output import given
from moorage.domain.capacity import ContainerInstance
from moorage.domain.cluster import ACTIVE, INACTIVE, Cluster
from moorage.domain.registry import Operation
from moorage.domain.service import Service
from moorage.domain.service_rules import EC2, FARGATE
from moorage.domain.task import Task
from moorage.domain.world import World

PROVISIONING: Final = "PROVISIONING"
CONNECT: Final = "sc"
"""The type of the attachment that stands for a cluster's default namespace."""
EVERYTHING = frozenset({"CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS", "ATTACHMENTS"})


def cluster(world: World, found: Cluster, include: frozenset[str] = EVERYTHING) -> dict[str, Any]:
    """The cluster, with the parts that were asked for by `include`."""
    defaults = {"namespace": found.default_namespace} if found.default_namespace else None
    return given(
        clusterArn=found.arn,
        clusterName=found.name,
        status=PROVISIONING if making(world, found) is not None else found.status,
        registeredContainerInstancesCount=len(_instances(world, found)),
        runningTasksCount=world.count_linked(Task, "cluster-running", found.key),
        pendingTasksCount=world.count_linked(Task, "cluster-pending", found.key),
        activeServicesCount=world.count_linked(Service, "active", found.key),
        statistics=_statistics(world, found) if "STATISTICS" in include else [],
        tags=tagging.present(found.tags) if "TAGS" in include else [],
        settings=_settings(found) if "SETTINGS" in include else [],
        configuration=found.configuration if "CONFIGURATIONS" in include else None,
        **(_attachments(world, found) if "ATTACHMENTS" in include else {}),
        capacityProviders=list(found.capacity_providers),
        defaultCapacityProviderStrategy=list(found.default_strategy),
        serviceConnectDefaults=defaults if found.status == ACTIVE else None,
    )


def making(world: World, found: Cluster) -> Operation | None:
    """The operation that makes the cluster's default namespace, while it is under way."""
    if found.status != ACTIVE or found.default_namespace is None:
        return None
    under_way = world.linked(Operation, "unfinished", found.key[:2])
    return next((each for each in under_way if each.namespace and each.namespace.arn == found.default_namespace), None)


def _attachments(world: World, found: Cluster) -> dict[str, Any]:
    """The default namespace. Capacity providers make nothing here that could be attached: there is no Auto Scaling
    group to have a policy or a hook.
    """
    if found.default_namespace is None or found.status == INACTIVE:
        return {"attachments": []}
    number = sha256(f"{found.arn} {found.default_namespace}".encode()).hexdigest()
    identifier = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:32]))
    under_way = making(world, found) is not None
    status, whole = ("ATTACHING", "UPDATE_IN_PROGRESS") if under_way else ("ATTACHED", "UPDATE_COMPLETE")
    attachment = {"id": identifier, "type": CONNECT, "status": status, "details": []}
    return {"attachments": [attachment], "attachmentsStatus": whole}


def _instances(world: World, found: Cluster) -> list[ContainerInstance]:
    """This machine, while the cluster is not deleted."""
    instance = world.get(ContainerInstance, found.key)
    return [] if instance is None or found.status == INACTIVE else [instance]


def _settings(found: Cluster) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in found.settings]


def _statistics(world: World, found: Cluster) -> list[dict[str, str]]:
    named = {EC2: "EC2", FARGATE: "Fargate"}
    kinds: tuple[tuple[type[Any], str, tuple[str, str]], ...] = (
        (Task, "Tasks", ("running", "pending")),
        (Service, "Service", ("active", "draining")),
    )
    rows = [
        (f"{state}{name}{what}Count", world.count_linked(kind, f"launch-{state}", (*found.key, launch_type)))
        for kind, what, states in kinds
        for launch_type, name in named.items()
        for state in states
    ]
    return [{"name": name, "value": str(count)} for name, count in rows]
