"""From a World to the View of one proxy: the names its deployment froze, with the endpoints that are behind them now.

`missing` says why a view cannot be made yet. Names come from the deployment (the freeze rule), endpoints and timeouts
from the namespace as it is: reference section 1.4.
"""

from dataclasses import dataclass

from moorage.domain import proxy_output
from moorage.domain.changes import Key
from moorage.domain.connect import ConnectEndpoint, KnownName, alias_key
from moorage.domain.registry import Instance, Namespace
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View


@dataclass(frozen=True)
class Ports:
    """The ports of one task's proxy, as `planning.sidecar` chose them."""

    egress: int
    ingress: tuple[Ingress, ...]


def view_of(world: World, task: Task, deployment: Deployment, ports: Ports) -> View:
    """What the proxy of `task` must know."""
    return View(
        node_id=task.id,
        cluster=deployment.task_set_arn,
        region=task.region,
        zone=task.availability_zone,
        egress_port=ports.egress,
        upstreams=tuple(_upstream(world, deployment, known) for known in deployment.known),
        ingress=ports.ingress,
        siblings=_siblings(world, task),
        access_log=proxy_output.access_log(deployment.connect),
        log_level=proxy_output.log_level(deployment.connect),
    )


def _siblings(world: World, task: Task) -> tuple[Endpoint, ...]:
    """The running tasks of the task's service that are in a zone; the port is nobody's, since nothing is sent there."""
    if task.service is None or not task.availability_zone:
        return ()
    found = []
    for sibling in world.linked(Task, "service", (task.account, task.region, task.cluster, task.service)):
        state = world.get(TaskState, sibling.key)
        if state is not None and state.status is Status.RUNNING and state.address and sibling.availability_zone:
            found.append(Endpoint(sibling.id, state.address, 1, sibling.availability_zone))
    return tuple(found)


def missing(world: World, deployment: Deployment) -> str | None:
    """Why there is no view for the proxies of this deployment; None when there is."""
    if deployment.namespace_id is None:
        return "the deployment does not use Service Connect"
    if world.get(Namespace, (deployment.account, deployment.region, deployment.namespace_id)) is None:
        return f"the namespace {deployment.namespace_id} is gone"
    return None


def _upstream(world: World, deployment: Deployment, known: KnownName) -> Upstream:
    """One known name. Its endpoint may have been redefined since, or be gone: then no task is behind the name."""
    endpoint = _now(world, known.endpoint)
    namespace = world.get(Namespace, (deployment.account, deployment.region, known.endpoint.namespace_id))
    behind = endpoint or known.endpoint
    return Upstream(
        namespace=namespace.name if namespace else known.endpoint.namespace_id,
        discovery_name=behind.discovery_name,
        alias=known.endpoint.alias,
        alias_port=known.endpoint.alias_port,
        vip=known.vip,
        protocol=Protocol(behind.protocol),
        timeouts=Timeouts(idle=behind.idle_timeout, per_request=behind.per_request_timeout),
        endpoints=_endpoints(world, endpoint) if endpoint else (),
    )


def _now(world: World, known: ConnectEndpoint) -> ConnectEndpoint | None:
    key = alias_key(known.account, known.region, known.namespace_id, known.alias, known.alias_port)
    return next(iter(world.linked(ConnectEndpoint, "alias", key)), None)


def _endpoints(world: World, endpoint: ConnectEndpoint) -> tuple[Endpoint, ...]:
    """The instances that ECS keeps for the endpoint; those registered by hand take no Service Connect traffic."""
    service: Key = (endpoint.account, endpoint.region, endpoint.registry_service_id)
    return tuple(
        Endpoint(
            task_id=instance.task_id,
            address=instance.attributes["AWS_INSTANCE_IPV4"],
            port=int(instance.attributes["AWS_INSTANCE_PORT"]),
            zone=instance.attributes.get("AvailabilityZone", ""),
        )
        for instance in world.linked(Instance, "service", service)
        if instance.task_id
    )
