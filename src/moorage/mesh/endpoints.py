"""The endpoints behind each alias: the healthy tasks, grouped by availability zone.

Which tasks those are is decided before the View is made. An alias without endpoints keeps an empty resource, so that
its name resolves and the proxy answers 503, as on ECS.
"""

from functools import lru_cache
from itertools import groupby

from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2

from moorage.mesh import messages, names
from moorage.mesh.bundle import References, Resource, resource
from moorage.mesh.view import Endpoint, Upstream


@lru_cache(maxsize=4096)
def of_upstream(upstream: Upstream, region: str) -> Resource:
    """The endpoints of an alias; one value for all proxies that know it."""
    ordered = sorted(set(upstream.endpoints), key=_key)
    groups = [_zone(region, zone, tuple(members)) for zone, members in groupby(ordered, key=lambda each: each.zone)]
    name = names.upstream(upstream)
    body = endpoint_pb2.ClusterLoadAssignment(cluster_name=name, endpoints=groups)
    hosts = frozenset(endpoint.address for endpoint in ordered)
    return resource(names.ENDPOINTS, name, body, References(addresses=hosts))


def _key(endpoint: Endpoint) -> tuple[str, str, int, str]:
    return endpoint.zone, endpoint.address, endpoint.port, endpoint.task_id


def _zone(region: str, zone: str, members: tuple[Endpoint, ...]) -> endpoint_components_pb2.LocalityLbEndpoints:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=base_pb2.Locality(region=region, zone=zone),
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
