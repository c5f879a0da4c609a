"""Who sees which Service Connect endpoint: what the freeze rule means for each service of a namespace, said out loud.

A service sees an endpoint when its primary deployment froze it (docs/reference/service-connect.md section 1.4).
One that was deployed before the endpoint came is stale until it is deployed again. Reading only; drawing is the CLI's.
"""

from dataclasses import dataclass

from moorage.domain import switches
from moorage.domain.changes import Key
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import Instance, Namespace
from moorage.domain.service import Deployment, Service, deployment_key
from moorage.domain.world import World
from moorage.planning import live_names


@dataclass(frozen=True)
class EndpointSight:
    """One endpoint, the tasks behind it, and the services (`cluster/name`) that see it and that do not yet.

    `live` are those of `seen_by` that learn of later names, too.
    `healthy` holds the ids of the tasks that requests are carried to; `desired` is what its owner wants.
    """

    account: str
    region: str
    namespace: str
    discovery_name: str
    alias: str
    port: int
    protocol: str
    owner: str
    desired: int
    healthy: tuple[str, ...]
    seen_by: tuple[str, ...]
    stale: tuple[str, ...]
    live: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ghost:
    """A name that a service still knows and that nothing offers any more: requests to it are answered 503."""

    account: str
    region: str
    namespace: str
    alias: str
    port: int
    service: str


def endpoints(world: World, account: str, region: str, default: str = switches.FROZEN) -> list[EndpointSight]:
    """Every endpoint of the account and region, ordered by namespace, alias and port.

    `default` is what a service knows that has no tag of its own (`planning/live_names`).
    """
    deployments = _deployments(world, account, region)
    lively = frozenset(live(world, account, region, default))
    found = [
        _sight(world, endpoint, deployments, lively) for endpoint in world.within(ConnectEndpoint, account, region)
    ]
    return sorted(found, key=lambda sight: (sight.namespace, sight.alias, sight.port))


def live(world: World, account: str, region: str, default: str) -> tuple[str, ...]:
    """The services (`cluster/name`) in a namespace that learn of names that come later."""
    return tuple(
        _label(service.key)
        for service, _ in _deployments(world, account, region)
        if live_names.is_live(service, default)
    )


def ghosts(world: World, account: str, region: str) -> list[Ghost]:
    """Every name that a running deployment knows although its endpoint is gone."""
    offered = {_pair(endpoint) for endpoint in world.within(ConnectEndpoint, account, region)}
    found = [
        Ghost(
            account,
            region,
            _namespace_name(world, known.endpoint),
            known.endpoint.alias,
            known.endpoint.alias_port,
            _label(service.key),
        )
        for service, deployment in _deployments(world, account, region)
        for known in deployment.known
        if _pair(known.endpoint) not in offered
    ]
    return sorted(found, key=lambda ghost: (ghost.namespace, ghost.alias, ghost.port, ghost.service))


def _sight(
    world: World, endpoint: ConnectEndpoint, deployments: list[tuple[Service, Deployment]], lively: frozenset[str]
) -> EndpointSight:
    members = [(service, deployment) for service, deployment in deployments if _same_namespace(deployment, endpoint)]
    seen_by = tuple(_label(service.key) for service, deployment in members if _knows(deployment, endpoint))
    owner = world.get(Service, endpoint.service_key)
    registry_key = (endpoint.account, endpoint.region, endpoint.registry_service_id)
    instances = world.linked(Instance, "service", registry_key)
    return EndpointSight(
        account=endpoint.account,
        region=endpoint.region,
        namespace=_namespace_name(world, endpoint),
        discovery_name=endpoint.discovery_name,
        alias=endpoint.alias,
        port=endpoint.alias_port,
        protocol=endpoint.protocol,
        owner=_label(endpoint.service_key),
        desired=owner.desired_count if owner is not None else 0,
        healthy=tuple(sorted(instance.task_id for instance in instances if instance.task_id)),
        seen_by=seen_by,
        stale=tuple(_label(service.key) for service, deployment in members if not _knows(deployment, endpoint)),
        live=tuple(label for label in seen_by if label in lively),
    )


def _deployments(world: World, account: str, region: str) -> list[tuple[Service, Deployment]]:
    """The services that are in a namespace and not being deleted, each with its primary deployment."""
    found = []
    for service in world.within(Service, account, region):
        deployment = world.get(Deployment, deployment_key(service.key, service.deployment_id))
        if service.deleted_at is None and deployment is not None and deployment.namespace_id is not None:
            found.append((service, deployment))
    return found


def _same_namespace(deployment: Deployment, endpoint: ConnectEndpoint) -> bool:
    return deployment.namespace_id == endpoint.namespace_id


def _knows(deployment: Deployment, endpoint: ConnectEndpoint) -> bool:
    return any(_pair(known.endpoint) == _pair(endpoint) for known in deployment.known)


def _pair(endpoint: ConnectEndpoint) -> tuple[str, str, int]:
    return (endpoint.namespace_id, endpoint.alias, endpoint.alias_port)


def _namespace_name(world: World, endpoint: ConnectEndpoint) -> str:
    namespace = world.get(Namespace, (endpoint.account, endpoint.region, endpoint.namespace_id))
    return namespace.name if namespace is not None else endpoint.namespace_id


def _label(key: Key) -> str:
    return f"{key[2]}/{key[3]}"
