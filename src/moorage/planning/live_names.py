"""Live names: which alias names a deployment knows where the freeze is lifted, the switch that AWS does not have.

A service is live by its tag `moorage:names`, else by the daemon's setting. Names that came since are appended with
addresses that none of its names ever had; names that are gone are taken away. How they reach tasks is `engine/names`'s.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from moorage.domain import switches
from moorage.domain.changes import Expect, Key, Put
from moorage.domain.connect import ConnectEndpoint, KnownName, number_of, vip
from moorage.domain.service import Deployment, Service
from moorage.domain.world import World


def is_live(service: Service, default: str) -> bool:
    """Whether the service's tasks learn of names that come later."""
    return switches.live(service.tags, default)


def plan(namespace: Key, world: World, default: str) -> list[Deployment]:
    """The deployments of the namespace whose names must change, as they shall be."""
    endpoints = world.linked(ConnectEndpoint, "namespace", namespace)
    changed = (revised(deployment, endpoints) for deployment in _live(namespace, world, default))
    return [deployment for deployment in changed if deployment is not None]


def writes(deployments: Iterable[Deployment], world: World) -> tuple[list[Put], Expect]:
    """The plan as a commit, which rests on each deployment and on the tags of its service."""
    deployments = list(deployments)
    rests = [(kind.table, key) for each in deployments for kind, key in _rests_on(each)]
    return [Put(each) for each in deployments], {record: world.versions.get(record, 0) for record in rests}


def revised(deployment: Deployment, endpoints: Iterable[ConnectEndpoint]) -> Deployment | None:
    """The deployment with the names that there are now; None where it knows just these."""
    offered = {_pair(endpoint): endpoint for endpoint in endpoints}
    kept = [known for known in deployment.known if _pair(known.endpoint) in offered]
    new = sorted(offered.keys() - {_pair(known.endpoint) for known in kept})
    if not new and len(kept) == len(deployment.known):
        return None
    last = max([deployment.names_given, *(number_of(known.vip) for known in deployment.known)])
    addresses = {known.endpoint.alias: known.vip for known in kept}
    for pair in new:
        alias = pair[0]
        if alias not in addresses:
            last += 1
            addresses[alias] = vip(last)
        kept.append(KnownName(addresses[alias], offered[pair]))
    return replace(deployment, known=tuple(kept), names_given=last)


def _live(namespace: Key, world: World, default: str) -> Iterator[Deployment]:
    for deployment in world.linked(Deployment, "namespace", namespace):
        service = world.get(Service, deployment.service_key)
        if service is not None and is_live(service, default):
            yield deployment


def _pair(endpoint: ConnectEndpoint) -> tuple[str, int]:
    return endpoint.alias, endpoint.alias_port


def _rests_on(deployment: Deployment) -> tuple[tuple[type[Deployment] | type[Service], Key], ...]:
    return (Deployment, deployment.key), (Service, deployment.service_key)
