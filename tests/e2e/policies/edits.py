"""Takes a policy out of the configuration that the product made: every resource is opened, changed and sealed again.

An edit is a function that changes one kind of Envoy message in place; `edited` applies it to a whole bundle.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.message import Message

from moorage.mesh import bundle as bundles
from moorage.mesh import clusters, names
from moorage.mesh.bundle import Bundle

Edit = Callable[[Message], None]
Change = Callable[[Any], object]

KINDS: dict[str, type[Message]] = {
    names.CLUSTER: Cluster,
    names.ENDPOINTS: ClusterLoadAssignment,
    names.LISTENER: Listener,
    names.ROUTE: RouteConfiguration,
}


def edited(bundle: Bundle, edit: Edit) -> Bundle:
    """The bundle with every resource as `edit` leaves it."""
    changed = []
    for type_url, kind in KINDS.items():
        for resource in bundle.of(type_url).values():
            body = kind.FromString(resource.content)
            edit(body)
            content = body.SerializeToString(deterministic=True)
            changed.append(replace(resource, content=content, version=hashlib.sha256(content).hexdigest()[:16]))
    return bundles.bundle(changed)


def nothing(_: Message) -> None:
    """What the product made, as it is."""


def both(*edits: Edit) -> Edit:
    def edit(body: Message) -> None:
        for each in edits:
            each(body)

    return edit


def on_clusters(change: Change) -> Edit:
    """Change the clusters, of aliases and of exposed ports."""
    return lambda body: change(body) if isinstance(body, Cluster) else None


def on_aliases(change: Change) -> Edit:
    """Change the clusters of aliases only."""
    return on_clusters(lambda cluster: change(cluster) if names.reads_endpoints(cluster.name) else None)


def on_routes(change: Change) -> Edit:
    """Change what is done with a request: the route actions of aliases and of exposed ports."""

    def in_host(host: Any) -> None:
        for route in host.routes:
            change(route.route)

    return on_hosts(in_host)


def on_hosts(change: Change) -> Edit:
    """Change the virtual hosts of aliases and of exposed ports."""

    def change_all(configuration: RouteConfiguration) -> None:
        for host in configuration.virtual_hosts:
            change(host)

    def edit(body: Message) -> None:
        if isinstance(body, RouteConfiguration):
            change_all(body)
        in_managers(lambda manager: change_all(manager.route_config))(body)

    return edit


def in_managers(change: Change) -> Edit:
    """Change the HTTP connection managers of all listeners."""
    return _in_filters(HttpConnectionManager, change)


def in_tcp_proxies(change: Change) -> Edit:
    """Change the TCP proxies of all listeners."""
    return _in_filters(TcpProxy, change)


def on_upstream_options(change: Change) -> Edit:
    """Change the HTTP protocol options of clusters."""

    def edit(body: Message) -> None:
        if isinstance(body, Cluster) and clusters.HTTP_OPTIONS in body.typed_extension_protocol_options:
            _inside(body.typed_extension_protocol_options[clusters.HTTP_OPTIONS], HttpProtocolOptions, change)

    return edit


def on_listeners(change: Change) -> Edit:
    return lambda body: change(body) if isinstance(body, Listener) else None


def _in_filters(kind: type[Message], change: Change) -> Edit:
    def edit(body: Message) -> None:
        if isinstance(body, Listener):
            for packed in _filters(body):
                _inside(packed, kind, change)

    return edit


def _filters(listener: Listener) -> Iterator[Any]:
    for chain in listener.filter_chains:
        for each in chain.filters:
            yield each.typed_config


def _inside(packed: Any, kind: type[Message], change: Change) -> None:
    if packed.Is(kind.DESCRIPTOR):
        body = kind()
        packed.Unpack(body)
        change(body)
        packed.Pack(body, deterministic=True)
