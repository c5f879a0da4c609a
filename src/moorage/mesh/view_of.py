"""From a World to the View of one proxy: the names its deployment froze, with the endpoints that are behind them now.

`missing` says why a view cannot be made yet. Names come from the deployment (the freeze rule), endpoints and timeouts
from the namespace as it is: reference section 1.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from moorage.domain import proxy_output
from moorage.domain.changes import Key
from moorage.domain.connect import ConnectEndpoint, KnownName, alias_key
from moorage.domain.registry import Instance, Namespace
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.mesh.view import Endpoint, Endpoints, Ingress, Protocol, Timeouts, Upstream, View


@dataclass(frozen=True)
class Ports:
    """The ports of one task's proxy, as `planning.sidecar` chose them."""

    egress: int
    ingress: tuple[Ingress, ...]
    apart: bool = False


class Outlook:
    """One World as the proxies see it. What several of them share is looked up once and is one object."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._behind: dict[Key, Endpoints] = {}
        self._siblings: dict[Key, Endpoints] = {}

    def view(self, task: Task, deployment: Deployment, ports: Ports, upstreams: tuple[Upstream, ...]) -> View:
        """What the proxy of `task` must know, given what its deployment does."""
        return View(
            node_id=task.id,
            cluster=deployment.task_set_arn,
            region=task.region,
            zone=task.availability_zone,
            egress_port=ports.egress,
            upstreams=upstreams,
            ingress=ports.ingress,
            siblings=self.siblings(task),
            access_log=proxy_output.access_log(deployment.connect),
            log_level=proxy_output.log_level(deployment.connect),
            apart=ports.apart,
        )

    def upstream(self, deployment: Deployment, known: KnownName) -> Upstream:
        """One known name. Its endpoint may have been redefined since, or be gone: then no task is behind the name."""
        endpoint = _now(self.world, known.endpoint)
        namespace = self.world.get(Namespace, (deployment.account, deployment.region, known.endpoint.namespace_id))
        behind = endpoint or known.endpoint
        return Upstream(
            namespace=namespace.name if namespace else known.endpoint.namespace_id,
            discovery_name=behind.discovery_name,
            alias=known.endpoint.alias,
            alias_port=known.endpoint.alias_port,
            vip=known.vip,
            protocol=Protocol(behind.protocol),
            timeouts=Timeouts(idle=behind.idle_timeout, per_request=behind.per_request_timeout),
            endpoints=self._endpoints(endpoint) if endpoint else (),
        )

    def siblings(self, task: Task) -> tuple[Endpoint, ...]:
        """The running tasks of the task's service that are in a zone; their port is nobody's: nothing is sent there."""
        if task.service_key is None or not task.availability_zone:
            return ()
        if task.service_key not in self._siblings:
            self._siblings[task.service_key] = Endpoints(_running(self.world, task.service_key))
        return self._siblings[task.service_key]

    def _endpoints(self, endpoint: ConnectEndpoint) -> tuple[Endpoint, ...]:
        """The instances that ECS keeps for it; those registered by hand take no Service Connect traffic."""
        service: Key = (endpoint.account, endpoint.region, endpoint.registry_service_id)
        if service not in self._behind:
            self._behind[service] = Endpoints(_registered(self.world, service))
        return self._behind[service]


def view_of(world: World, task: Task, deployment: Deployment, ports: Ports) -> View:
    """What the proxy of `task` must know."""
    outlook = Outlook(world)
    return outlook.view(task, deployment, ports, tuple(outlook.upstream(deployment, each) for each in deployment.known))


def missing(world: World, deployment: Deployment) -> str | None:
    """Why there is no view for the proxies of this deployment; None when there is."""
    if deployment.namespace_id is None:
        return "the deployment does not use Service Connect"
    if world.get(Namespace, (deployment.account, deployment.region, deployment.namespace_id)) is None:
        return f"the namespace {deployment.namespace_id} is gone"
    return None


def _now(world: World, known: ConnectEndpoint) -> ConnectEndpoint | None:
    key = alias_key(known.account, known.region, known.namespace_id, known.alias, known.alias_port)
    return next(iter(world.linked(ConnectEndpoint, "alias", key)), None)


def _registered(world: World, service: Key) -> Iterator[Endpoint]:
    for instance in world.linked(Instance, "service", service):
        if instance.task_id:
            yield Endpoint(
                task_id=instance.task_id,
                address=instance.attributes["AWS_INSTANCE_IPV4"],
                port=int(instance.attributes["AWS_INSTANCE_PORT"]),
                zone=instance.attributes.get("AvailabilityZone", ""),
            )


def _running(world: World, service: Key) -> Iterator[Endpoint]:
    for sibling in world.linked(Task, "service", service):
        state = world.get(TaskState, sibling.key)
        if state is not None and state.status is Status.RUNNING and state.reached_at and sibling.availability_zone:
            yield Endpoint(sibling.id, state.reached_at, 1, sibling.availability_zone)
