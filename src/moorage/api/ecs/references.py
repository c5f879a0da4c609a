"""From the name or ARN in a request to the record that it means, or the error that ECS has for it.

An ARN of another account or region finds nothing here, just as a name that there is not.
"""

from moorage.api.context import RequestContext
from moorage.domain import arns
from moorage.domain import cluster as cluster_words
from moorage.domain import task_definition as definition_words
from moorage.domain.changes import Key
from moorage.domain.cluster import Cluster
from moorage.domain.errors import (
    ClientMistake,
    ClusterNotFound,
    DescribedTaskDefinitionNotFound,
    InvalidParameter,
    NamespaceNotFound,
    ServiceNotFound,
    TaskDefinitionNotFound,
)
from moorage.domain.registry import HTTP, Namespace
from moorage.domain.service import Service, ServiceProgress
from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition, parse_reference
from moorage.domain.world import World

DEFAULT_CLUSTER = "default"
TASK_ID_LENGTHS = (32, 36)
"""Of an id, and of one with hyphens as the older ones were."""


def cluster_key(ctx: RequestContext, reference: str | None) -> Key | None:
    """The key of a cluster by name or ARN; the default cluster when there is no reference."""
    parts = _parts(ctx, reference or DEFAULT_CLUSTER, "cluster")
    return (ctx.account, ctx.region, parts[0]) if parts is not None and len(parts) == 1 else None


def cluster(ctx: RequestContext, world: World, reference: str | None) -> Cluster:
    """The cluster, whatever its status. ClusterNotFound."""
    key = cluster_key(ctx, reference)
    found = world.get(Cluster, key) if key is not None else None
    if found is None:
        raise ClusterNotFound(reference or DEFAULT_CLUSTER)
    return found


def active_cluster(ctx: RequestContext, world: World, reference: str | None) -> Cluster:
    """The cluster, which must be ACTIVE for something to run in it. ClusterNotFound, ClientMistake."""
    found = cluster(ctx, world, reference)
    if found.status != cluster_words.ACTIVE:
        raise ClientMistake("The referenced cluster was inactive.")
    return found


def service_key(ctx: RequestContext, in_cluster: Cluster, reference: str) -> Key | None:
    """The key of a service of this cluster by name or ARN. InvalidParameter for an ARN of another cluster."""
    name = _name(ctx, in_cluster, reference, "service")
    return None if name is None else (*in_cluster.key, name)


def service(ctx: RequestContext, world: World, in_cluster: Cluster, reference: str) -> Service:
    """The service, unless it is gone. ServiceNotFound."""
    key = service_key(ctx, in_cluster, reference)
    found = world.get(Service, key) if key is not None else None
    if found is None or is_inactive(world, found):
        raise ServiceNotFound(reference)
    return found


def is_inactive(world: World, found: Service) -> bool:
    progress = world.get(ServiceProgress, found.key)
    return progress is not None and progress.inactive_at is not None


def task(ctx: RequestContext, world: World, in_cluster: Cluster, reference: str) -> Task | None:
    """The task of this cluster by id or ARN, or None. InvalidParameter for what can be no id, or is of another cluster.

    The sentence is ECS's, and scripts that pass on an empty answer of ListTasks look for it.
    """
    name = _name(ctx, in_cluster, reference, "task")
    if name is None:
        return None
    if len(name) not in TASK_ID_LENGTHS:
        raise InvalidParameter("taskId length should be one of [32,36]")
    return world.get(Task, (*in_cluster.key, name))


def runnable_definition(ctx: RequestContext, world: World, reference: str) -> TaskDefinition:
    """The task definition to make tasks from: the latest ACTIVE one of a family, or an ACTIVE revision."""
    found = _definition(ctx, world, reference)
    if found is None:
        raise TaskDefinitionNotFound(reference)
    if found.status != definition_words.ACTIVE:
        raise ClientMistake("TaskDefinition is inactive")
    return found


def described_definition(ctx: RequestContext, world: World, reference: str) -> TaskDefinition:
    """The task definition to show, whatever its status. DescribedTaskDefinitionNotFound."""
    found = _definition(ctx, world, reference)
    if found is None:
        raise DescribedTaskDefinitionNotFound(reference)
    return found


def definition_revision(ctx: RequestContext, world: World, reference: str) -> TaskDefinition | None:
    """The task definition by family and revision, which must both be given, or None."""
    if parse_reference(reference)[1] is None:
        raise InvalidParameter(f"Invalid revision number. The task definition '{reference}' must name its revision.")
    return _definition(ctx, world, reference)


def namespace(ctx: RequestContext, world: World, reference: str) -> Namespace:
    """The namespace by name or ARN. NamespaceNotFound.

    Names are unique per type only; where there are several, the HTTP namespace is meant: it is the one ECS makes.
    """
    found = find_namespace(ctx, world, reference)
    if found is None:
        error = NamespaceNotFound(reference)
        error.hint = "Create it with Cloud Map's CreateHttpNamespace, or give its name to a cluster as default."
        raise error
    return found


def find_namespace(ctx: RequestContext, world: World, reference: str) -> Namespace | None:
    arn = arns.parse(reference)
    if arn is not None:
        here = (arn.service, arn.account, arn.region) == ("servicediscovery", ctx.account, ctx.region)
        is_namespace = arn.resource.startswith("namespace/")
        return world.get(Namespace, (ctx.account, ctx.region, arns.last(reference))) if here and is_namespace else None
    found = world.linked(Namespace, "name", (ctx.account, ctx.region, reference))
    return min(found, key=lambda each: (each.type != HTTP, each.id), default=None)


def _definition(ctx: RequestContext, world: World, reference: str) -> TaskDefinition | None:
    arn = arns.parse(reference)
    if arn is not None and (arn.service, arn.account, arn.region) != ("ecs", ctx.account, ctx.region):
        return None
    family, revision = parse_reference(reference)
    if revision is not None:
        return world.get(TaskDefinition, (ctx.account, ctx.region, family, f"{revision:010d}"))
    active = ("family-status", (ctx.account, ctx.region, family, definition_words.ACTIVE))
    return next(world.each_linked(TaskDefinition, active, descending=True), None)


def _name(ctx: RequestContext, in_cluster: Cluster, reference: str, kind: str) -> str | None:
    """The name or id in a reference to something of this cluster; ARNs of the older form do not name the cluster."""
    parts = _parts(ctx, reference, kind)
    if parts is None or len(parts) > 2:
        return None
    if len(parts) == 2 and parts[0] != in_cluster.name:
        raise InvalidParameter(
            f"Invalid identifier: Identifier is for cluster {parts[0]}. Your cluster is {in_cluster.name}"
        )
    return parts[-1]


def _parts(ctx: RequestContext, reference: str, kind: str) -> list[str] | None:
    """What follows the kind in an ARN, split at slashes; a plain name as it is; None for any other ARN."""
    arn = arns.parse(reference)
    if arn is None:
        return [reference]
    words = arn.resource.split("/")
    if (arn.service, arn.account, arn.region, words[0]) != ("ecs", ctx.account, ctx.region, kind):
        return None
    return words[1:] or None
