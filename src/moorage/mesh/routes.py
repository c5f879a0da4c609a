"""Route configurations: one per HTTP alias, with the documented timeouts and retries.

Every request of an alias goes to its one cluster, whatever its Host header says (docs/decisions/0102). TCP aliases have
no route: their filter chain names the cluster itself.
"""

from dataclasses import replace
from functools import lru_cache

from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2

from moorage.mesh import messages, names
from moorage.mesh.resource import References, Resource, resource
from moorage.mesh.view import Protocol, Timeouts, Upstream

RETRIES = 2
HTTP_RETRY_ON = "connect-failure,refused-stream,retriable-status-codes"
GRPC_RETRY_ON = f"{HTTP_RETRY_ON},unavailable"


def of_upstream(upstream: Upstream) -> Resource:
    """The route configuration of an alias; endpoints do not touch it."""
    return _of_upstream(replace(upstream, endpoints=()))


@lru_cache(maxsize=4096)
def _of_upstream(upstream: Upstream) -> Resource:
    name = names.upstream(upstream)
    action = to_cluster(name, upstream.timeouts)
    action.retry_policy.CopyFrom(_retries(upstream.protocol))
    body = route_pb2.RouteConfiguration(name=name, virtual_hosts=[everything(name, action)])
    return resource(names.ROUTE, name, body, References(clusters=frozenset({name})))


def everything(name: str, action: route_components_pb2.RouteAction) -> route_components_pb2.VirtualHost:
    """A virtual host that takes any host and any path."""
    route = route_components_pb2.Route(match=route_components_pb2.RouteMatch(prefix="/"), route=action)
    return route_components_pb2.VirtualHost(name=name, domains=["*"], routes=[route])


def to_cluster(cluster: str, timeouts: Timeouts) -> route_components_pb2.RouteAction:
    """Send to a cluster. The stream's idle timeout ends a request too, so the shorter of the two wins, as on ECS."""
    return route_components_pb2.RouteAction(
        cluster=cluster,
        timeout=messages.seconds(timeouts.per_request or 0),
        idle_timeout=messages.seconds(timeouts.idle),
    )


def _retries(protocol: Protocol) -> route_components_pb2.RetryPolicy:
    predicate = route_components_pb2.RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=messages.packed(previous_hosts_pb2.PreviousHostsPredicate()),
    )
    return route_components_pb2.RetryPolicy(
        retry_on=GRPC_RETRY_ON if protocol is Protocol.GRPC else HTTP_RETRY_ON,
        num_retries=messages.u32(RETRIES),
        retriable_status_codes=[503],
        retry_host_predicate=[predicate],
        host_selection_retry_max_attempts=5,
    )
