"""Listeners: one egress for all aliases, which tells them apart by the original destination, and one per exposed port.

Connections arrive by redirect (docs/reference/service-connect.md section 2.3), so nothing binds an alias address. A
destination that no filter chain knows is closed at once: that is Envoy's rule, not one of ours.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from envoy.config.core.v3 import base_pb2, protocol_pb2
from envoy.config.listener.v3 import listener_components_pb2, listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.listener.original_dst.v3 import original_dst_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2

from moorage.domain.proxy_output import AccessLog
from moorage.mesh import access_logs, messages, names, routes
from moorage.mesh.resource import References, Resource, resource
from moorage.mesh.view import Ingress, Protocol, Timeouts, Upstream

FAREWELL = 0.1
"""Seconds that a client of HTTP has to read the last bytes and close, before the proxy does (docs/decisions/0176)."""

TCP_CONNECT_ATTEMPTS = 3
"""The first attempt and the two documented retries."""


@dataclass(frozen=True)
class Door:
    """Where the redirect of the alias range leads; `arriving`: from other namespaces of the task, not from this one."""

    port: int
    arriving: bool = False

    @property
    def address(self) -> str:
        """A redirect in OUTPUT rewrites the destination to 127.0.0.1, one in PREROUTING to the interface's address.

        Nobody outside the task has business here: who arrives without an alias for a destination is turned away.
        """
        return "0.0.0.0" if self.arriving else "127.0.0.1"


def egress(door: Door, upstreams: tuple[Upstream, ...], log: AccessLog | None = None) -> Resource:
    """The one listener behind the redirect of the alias range; endpoints do not touch it."""
    return _egress(door, tuple(replace(each, endpoints=()) for each in upstreams), log)


@lru_cache(maxsize=1024)
def _egress(door: Door, upstreams: tuple[Upstream, ...], log: AccessLog | None) -> Resource:
    ordered = sorted(upstreams, key=names.upstream)
    body = listener_pb2.Listener(
        name=names.EGRESS_LISTENER,
        stat_prefix=names.EGRESS_LISTENER,
        traffic_direction=base_pb2.OUTBOUND,
        address=messages.address(door.address, door.port),
        enable_reuse_port=messages.flag(False),
        listener_filters=[_original_destination()],
        filter_chains=[_egress_chain(each, log) for each in ordered],
    )
    references = References(
        # An HTTP chain needs its cluster through its route, which comes later: the door opens when the house is there.
        clusters=frozenset(names.upstream(each) for each in ordered),
        routes=frozenset(names.upstream(each) for each in ordered if each.protocol is not Protocol.TCP),
        ports=(door.port,),
        matches=tuple((each.vip, each.alias_port) for each in ordered),
    )
    return resource(names.LISTENER, names.EGRESS_LISTENER, body, references)


@lru_cache(maxsize=4096)
def ingress(of: Ingress, log: AccessLog | None = None) -> Resource:
    """What arrives from outside for a container port. It drains gracefully: traffic direction INBOUND selects it."""
    name, cluster = names.ingress_listener(of), names.ingress_cluster(of)
    body = listener_pb2.Listener(
        name=name,
        stat_prefix=names.stat_prefix(of),
        traffic_direction=base_pb2.INBOUND,
        address=messages.address("0.0.0.0", of.listener_port),
        # Two proxies that were given one port must fail loudly, never share its connections.
        enable_reuse_port=messages.flag(False),
        filter_chains=[listener_components_pb2.FilterChain(filters=[_ingress_filter(of, cluster, log)])],
    )
    return resource(names.LISTENER, name, body, References(clusters=frozenset({cluster}), ports=(of.listener_port,)))


def _original_destination() -> listener_components_pb2.ListenerFilter:
    return listener_components_pb2.ListenerFilter(
        name="envoy.filters.listener.original_dst", typed_config=messages.packed(original_dst_pb2.OriginalDst())
    )


def _egress_chain(upstream: Upstream, log: AccessLog | None) -> listener_components_pb2.FilterChain:
    name, counted = names.upstream(upstream), names.statistics(upstream.alias, upstream.alias_port)
    match = listener_components_pb2.FilterChainMatch(
        prefix_ranges=[messages.host_only(upstream.vip)], destination_port=messages.u32(upstream.alias_port)
    )
    if upstream.protocol is Protocol.TCP:
        chosen = _tcp_filter(counted, name, upstream.timeouts, TCP_CONNECT_ATTEMPTS, log)
    else:
        manager = _connection_manager(counted, upstream.protocol, upstream.timeouts, log)
        manager.rds.CopyFrom(hcm_pb2.Rds(route_config_name=name, config_source=messages.from_ads()))
        chosen = _http_filter(manager)
    return listener_components_pb2.FilterChain(name=name, filter_chain_match=match, filters=[chosen])


def _ingress_filter(of: Ingress, cluster: str, log: AccessLog | None) -> listener_components_pb2.Filter:
    """No retries here: the caller's proxy retries, and may choose another task."""
    prefix = names.stat_prefix(of)
    if of.protocol is Protocol.TCP:
        return _tcp_filter(prefix, cluster, of.timeouts, 1, log)
    manager = _connection_manager(prefix, of.protocol, of.timeouts, log)
    everything = routes.everything(cluster, routes.to_cluster(cluster, of.timeouts))
    manager.route_config.CopyFrom(route_pb2.RouteConfiguration(name=cluster, virtual_hosts=[everything]))
    return _http_filter(manager)


def _connection_manager(
    prefix: str, protocol: Protocol, timeouts: Timeouts, log: AccessLog | None
) -> hcm_pb2.HttpConnectionManager:
    """HTTP/1.1 or HTTP/2 by what the client sends first; HTTP/1.0 gets 426, which is Envoy's default.

    Request ids and x-forwarded-proto are added where absent and kept where present; bodies are never buffered.
    """
    manager = hcm_pb2.HttpConnectionManager(
        stat_prefix=prefix,
        codec_type=hcm_pb2.HttpConnectionManager.AUTO,
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(idle_timeout=messages.seconds(timeouts.idle)),
        http_protocol_options=protocol_pb2.Http1ProtocolOptions(enable_trailers=True),
        stream_idle_timeout=messages.seconds(timeouts.idle),
        # Between the two goodbyes of HTTP/2: requests already under way to a draining proxy are still taken.
        drain_timeout=messages.seconds(1),
        # A WebSocket that is closed costs this at every proxy; Envoy's own second was felt.
        delayed_close_timeout=messages.seconds(FAREWELL),
        access_log=access_logs.of(log, protocol),
        http_filters=[
            hcm_pb2.HttpFilter(name="envoy.filters.http.router", typed_config=messages.packed(router_pb2.Router()))
        ],
    )
    if protocol is Protocol.HTTP:
        manager.upgrade_configs.add(upgrade_type="websocket")
    return manager


def _http_filter(manager: hcm_pb2.HttpConnectionManager) -> listener_components_pb2.Filter:
    return listener_components_pb2.Filter(
        name="envoy.filters.network.http_connection_manager", typed_config=messages.packed(manager)
    )


def _tcp_filter(
    prefix: str, cluster: str, timeouts: Timeouts, attempts: int, log: AccessLog | None
) -> listener_components_pb2.Filter:
    proxy = tcp_proxy_pb2.TcpProxy(
        stat_prefix=prefix,
        cluster=cluster,
        idle_timeout=messages.seconds(timeouts.idle),
        max_connect_attempts=messages.u32(attempts),
        access_log=access_logs.of(log, Protocol.TCP),
    )
    return listener_components_pb2.Filter(name="envoy.filters.network.tcp_proxy", typed_config=messages.packed(proxy))
