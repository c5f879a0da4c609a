"""Clusters: one per alias, fed with endpoints by the daemon, and one per exposed port, fixed on the container.

Round robin, outlier detection and connection settings are those documented for Service Connect
(docs/reference/service-connect.md section 2.5); what AWS does not publish is settled in docs/decisions/0101 to 0103.
"""

from dataclasses import replace
from functools import lru_cache

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import address_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import percent_pb2

from moorage.mesh import messages, names
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.resource import References, Resource, resource
from moorage.mesh.view import Ingress, Protocol, Timeouts, Upstream

CONNECT_TIMEOUT = 1
"""Seconds, to the container port behind an ingress listener."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def of_upstream(upstream: Upstream, policies: Policies = DEFAULT) -> Resource:
    """The cluster of an alias; it stays the same object when only endpoints change."""
    return _of_upstream(replace(upstream, endpoints=()), policies)


@lru_cache(maxsize=4096)
def _of_upstream(upstream: Upstream, policies: Policies) -> Resource:
    name = names.upstream(upstream)
    body = cluster_pb2.Cluster(
        name=name,
        alt_stat_name=names.statistics(upstream.alias, upstream.alias_port),
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=messages.from_ads()),
        lb_policy=cluster_pb2.Cluster.ROUND_ROBIN,
        connect_timeout=messages.seconds(policies.connect_seconds),
        circuit_breakers=_limits(policies),
        outlier_detection=_outliers(policies.ejection_percent),
        common_lb_config=_choice(zonal=policies.zone_minimum > 0),
        upstream_connection_options=_keepalive(),
    )
    _speak(body, upstream.protocol, upstream.timeouts)
    return resource(names.CLUSTER, name, body, References(endpoints=frozenset({name})))


@lru_cache(maxsize=4096)
def of_ingress(ingress: Ingress) -> Resource:
    """The container port behind an ingress listener. No outlier detection: there is nowhere else to go."""
    name = names.ingress_cluster(ingress)
    body = cluster_pb2.Cluster(
        name=name,
        type=cluster_pb2.Cluster.STATIC,
        connect_timeout=messages.seconds(CONNECT_TIMEOUT),
        circuit_breakers=_limits(DEFAULT),
        load_assignment=_container(name, ingress.address, ingress.container_port),
    )
    _speak(body, ingress.protocol, ingress.timeouts)
    return resource(names.CLUSTER, name, body)


def http2_options(body: cluster_pb2.Cluster, http2: protocol_pb2.Http2ProtocolOptions) -> None:
    """Make a cluster speak HTTP/2 with prior knowledge."""
    explicit = http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=http2)
    options = http_protocol_options_pb2.HttpProtocolOptions(explicit_http_config=explicit)
    body.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(messages.packed(options))


def _speak(body: cluster_pb2.Cluster, protocol: Protocol, timeouts: Timeouts) -> None:
    if protocol is Protocol.TCP:
        return
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.common_http_protocol_options.idle_timeout.CopyFrom(messages.seconds(timeouts.idle))
    explicit = options.explicit_http_config
    if protocol is Protocol.HTTP:
        # Without it Envoy drops the trailers of HTTP/1.1; those of HTTP/2 always pass.
        explicit.http_protocol_options.enable_trailers = True
    else:
        explicit.http2_protocol_options.SetInParent()
    body.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(messages.packed(options))


def _limits(policies: Policies) -> circuit_breaker_pb2.CircuitBreakers:
    """Service Connect publishes no limits. Envoy's own (1,024 requests, 3 retries at a time) would refuse traffic."""
    threshold = circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=messages.u32(policies.max_connections or messages.UNLIMITED),
        max_pending_requests=messages.u32(policies.max_pending_requests or messages.UNLIMITED),
        max_requests=messages.u32(policies.max_requests or messages.UNLIMITED),
        max_retries=messages.u32(messages.UNLIMITED),
    )
    return circuit_breaker_pb2.CircuitBreakers(thresholds=[threshold])


def _outliers(percent: int) -> outlier_detection_pb2.OutlierDetection:
    """Five failures in a row eject a host for 30 to 300 s; at most a share of the hosts at a time."""
    return outlier_detection_pb2.OutlierDetection(
        consecutive_5xx=messages.u32(5),
        interval=messages.seconds(30),
        base_ejection_time=messages.seconds(30),
        max_ejection_time=messages.seconds(300),
        max_ejection_percent=messages.u32(percent),
        enforcing_success_rate=messages.u32(0),
    )


def _choice(zonal: bool) -> cluster_pb2.Cluster.CommonLbConfig:
    """The same zone first, the others by what they have left. An ejected host gets nothing while another is left.

    Which aliases have a zone of the proxy's own at all is decided in `endpoints`. A second ejection counts at once:
    left alone, Envoy gathers such changes for a second, in which the host still gets requests.
    """
    common = cluster_pb2.Cluster.CommonLbConfig(
        healthy_panic_threshold=percent_pb2.Percent(value=0), update_merge_window=messages.seconds(0)
    )
    if zonal:
        common.zone_aware_lb_config.routing_enabled.value = 100
        common.zone_aware_lb_config.min_cluster_size.value = 1
    return common


def _keepalive() -> cluster_pb2.UpstreamConnectionOptions:
    """A peer whose network vanished without a word is noticed by the kernel within a minute, at no cost to Envoy."""
    return cluster_pb2.UpstreamConnectionOptions(
        tcp_keepalive=address_pb2.TcpKeepalive(
            keepalive_time=messages.u32(30), keepalive_interval=messages.u32(5), keepalive_probes=messages.u32(3)
        )
    )


def _container(name: str, address: str, port: int) -> endpoint_pb2.ClusterLoadAssignment:
    host = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(address=messages.address(address, port))
    )
    return endpoint_pb2.ClusterLoadAssignment(
        cluster_name=name, endpoints=[endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=[host])]
    )
