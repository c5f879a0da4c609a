"""The name of every cluster, route configuration and listener, and the type urls they go by.

Names are made here and nowhere else, so that a route and the cluster it names cannot drift apart. What the resources
contain is decided in `clusters`, `endpoints`, `routes` and `listeners`.
"""

from moorage.mesh.view import Ingress, Upstream

_V3 = "type.googleapis.com/envoy.config"
CLUSTER = f"{_V3}.cluster.v3.Cluster"
ENDPOINTS = f"{_V3}.endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{_V3}.listener.v3.Listener"
ROUTE = f"{_V3}.route.v3.RouteConfiguration"
TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTE)

EGRESS_LISTENER = "egress"
XDS_CLUSTER = "moorage"
"""The static cluster of the bootstrap that reaches the daemon; no dynamic cluster can have it: theirs hold a slash."""

LOCAL_CLUSTER = "local_cluster"
"""The static cluster that holds the tasks of the proxy's own service by zone. Nothing is ever sent to it."""

_EGRESS = "egress/"


def upstream(of: Upstream) -> str:
    """Cluster, endpoints, route and filter chain of an alias: alias and port together are unique in a namespace."""
    return f"{_EGRESS}{of.alias}:{of.alias_port}"


def statistics(alias: str, port: int) -> str:
    """Where an alias is counted. Envoy tells the parts of a statistic apart by dots, which no part may hold."""
    return f"{_EGRESS}{alias}~{port}".replace(".", "~")


def reads_endpoints(cluster: str) -> bool:
    """True when a cluster of this name takes its endpoints from the daemon (an ingress cluster is static)."""
    return cluster.startswith(_EGRESS)


def ingress_listener(of: Ingress) -> str:
    """The name that ECS's own proxy uses: docs/reference/service-connect.md section 2.2."""
    return f"ingress-{of.port_name}"


def ingress_cluster(of: Ingress) -> str:
    """The one container port behind an ingress listener."""
    return f"ingress/{of.port_name}"


def stat_prefix(of: Ingress) -> str:
    """Where the statistics of an ingress listener and its connection manager are counted; `xds.admin` reads them."""
    return f"ingress-{of.port_name}"
