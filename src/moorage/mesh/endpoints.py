"""The endpoints behind each alias: the healthy tasks, grouped by availability zone.

Which tasks those are is decided before the View is made. An alias without endpoints keeps an empty resource, so that
its name resolves and the proxy answers 503, as on ECS.
"""

from functools import lru_cache
from itertools import groupby

from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2

from moorage.mesh import messages, names
from moorage.mesh.policies import Policies
from moorage.mesh.resource import References, Resource, resource
from moorage.mesh.view import Endpoint, Upstream


def prefers(upstream: Upstream, zone: str, policies: Policies) -> bool:
    """Whether a proxy in `zone` stays in it: only where a retry finds another task in it (docs/decisions/0109)."""
    if not zone or not policies.zone_minimum:
        return False
    inside = sum(endpoint.zone == zone for endpoint in upstream.endpoints)
    return policies.zone_minimum <= inside


def of_upstream(upstream: Upstream, region: str, zonal: bool) -> Resource:
    """The endpoints of an alias; one value for all proxies that know it and stay in their zone, one for the others."""
    return _behind(names.upstream(upstream), upstream.endpoints, region, zonal)


@lru_cache(maxsize=4096)
def _behind(name: str, endpoints: tuple[Endpoint, ...], region: str, zonal: bool) -> Resource:
    # By the pair too: in bridge mode many tasks share an address, and only a port of it belongs to one of them.
    pairs = (f"{endpoint.address}:{endpoint.port}" for endpoint in endpoints)
    hosts = frozenset((*(endpoint.address for endpoint in endpoints), *pairs))
    return resource(names.ENDPOINTS, name, _assignment(name, endpoints, region, zonal), References(addresses=hosts))


@lru_cache(maxsize=1024)
def of_siblings(siblings: tuple[Endpoint, ...], region: str) -> Resource:
    """Where the proxy's own service runs: by it Envoy knows how much of a zone's demand comes from this proxy's zone.

    It refers to no address, since nothing is sent there: a task may end while its siblings still count it.
    """
    return resource(
        names.ENDPOINTS, names.LOCAL_CLUSTER, _assignment(names.LOCAL_CLUSTER, siblings, region, zonal=True)
    )


def _assignment(
    name: str, members: tuple[Endpoint, ...], region: str, zonal: bool
) -> endpoint_pb2.ClusterLoadAssignment:
    """One group for each zone, or one for all, which is nobody's own zone: then requests go round all of them."""
    ordered = sorted(set(members), key=_key)
    by_zone = groupby(ordered, key=lambda each: each.zone if zonal else "")
    groups = [_group(base_pb2.Locality(region=region, zone=zone), tuple(inside)) for zone, inside in by_zone]
    return endpoint_pb2.ClusterLoadAssignment(cluster_name=name, endpoints=groups)


def _key(endpoint: Endpoint) -> tuple[str, str, int, str]:
    return endpoint.zone, endpoint.address, endpoint.port, endpoint.task_id


def _group(locality: base_pb2.Locality, members: tuple[Endpoint, ...]) -> endpoint_components_pb2.LocalityLbEndpoints:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=locality,
        load_balancing_weight=messages.u32(len(members)),
        lb_endpoints=[_host(member) for member in members],
    )


def _host(endpoint: Endpoint) -> endpoint_components_pb2.LbEndpoint:
    """The task id travels as the host name, which Envoy shows in its own list of clusters and uses for nothing else."""
    return endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(
            address=messages.address(endpoint.address, endpoint.port), hostname=endpoint.task_id
        )
    )
