"""The bootstrap document and the command line of one proxy: who it is, where the daemon is, where its admin socket is.

All the rest it is told over xDS. `directory` is the folder of both sockets as the proxy sees it, which may be mounted
from elsewhere on the host.
"""

from dataclasses import dataclass

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import backoff_pb2, base_pb2, config_source_pb2, grpc_service_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from google.protobuf import json_format

from moorage.mesh import clusters, messages, names

XDS_SOCKET = "xds.sock"
ADMIN_SOCKET = "admin.sock"
DRAIN_SECONDS = 20


@dataclass(frozen=True)
class Identity:
    """Who the proxy says it is: `node_id` is the task id, `cluster` its service's deployment (task set)."""

    node_id: str
    cluster: str
    region: str
    zone: str


def document(identity: Identity, directory: str) -> str:
    """The bootstrap as JSON text."""
    static = bootstrap_pb2.Bootstrap.StaticResources(clusters=[_daemon(f"{directory}/{XDS_SOCKET}"), _own_service()])
    bootstrap = bootstrap_pb2.Bootstrap(
        node=base_pb2.Node(
            id=identity.node_id,
            cluster=identity.cluster,
            locality=base_pb2.Locality(region=identity.region, zone=identity.zone),
        ),
        admin=bootstrap_pb2.Admin(address=messages.pipe(f"{directory}/{ADMIN_SOCKET}", 0o600)),
        static_resources=static,
        # Zone-aware routing compares the zones of an alias's tasks with those of the service that asks.
        cluster_manager=bootstrap_pb2.ClusterManager(local_cluster_name=names.LOCAL_CLUSTER),
        dynamic_resources=bootstrap_pb2.Bootstrap.DynamicResources(
            ads_config=_aggregated(), cds_config=messages.from_ads(), lds_config=messages.from_ads()
        ),
        # Nobody is sent statistics: they are counted up when the admin socket is asked, not every five seconds.
        stats_flush_on_admin=True,
    )
    return str(json_format.MessageToJson(bootstrap, preserving_proto_field_name=True, sort_keys=True))


def arguments(config_path: str, log_level: str = "info", drain_seconds: int = DRAIN_SECONDS) -> tuple[str, ...]:
    """Envoy's arguments: one worker thread, and every answer says goodbye from the first moment of a drain."""
    return (
        *("--config-path", config_path),
        *("--concurrency", "1"),
        *("--drain-time-s", str(drain_seconds)),
        *("--drain-strategy", "immediate"),
        *("--log-level", log_level),
        # Access logs are there a second after the request, not after ten.
        *("--file-flush-interval-msec", "1000"),
        "--disable-hot-restart",
        "--skip-deprecated-logs",
    )


def _aggregated() -> config_source_pb2.ApiConfigSource:
    """Delta over one stream. After a restart of the daemon the proxy is back within a second, not within Envoy's 30."""
    back_off = backoff_pb2.BackoffStrategy(base_interval=messages.seconds(0.1), max_interval=messages.seconds(1))
    daemon = grpc_service_pb2.GrpcService.EnvoyGrpc(
        cluster_name=names.XDS_CLUSTER, retry_policy=base_pb2.RetryPolicy(retry_back_off=back_off)
    )
    return config_source_pb2.ApiConfigSource(
        api_type=config_source_pb2.ApiConfigSource.DELTA_GRPC,
        transport_api_version=config_source_pb2.V3,
        set_node_on_first_message_only=True,
        grpc_services=[grpc_service_pb2.GrpcService(envoy_grpc=daemon)],
    )


def _own_service() -> cluster_pb2.Cluster:
    return cluster_pb2.Cluster(
        name=names.LOCAL_CLUSTER,
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=messages.from_ads()),
        connect_timeout=messages.seconds(1),
    )


def _daemon(socket: str) -> cluster_pb2.Cluster:
    host = endpoint_components_pb2.LbEndpoint(endpoint=endpoint_components_pb2.Endpoint(address=messages.pipe(socket)))
    body = cluster_pb2.Cluster(
        name=names.XDS_CLUSTER,
        type=cluster_pb2.Cluster.STATIC,
        connect_timeout=messages.seconds(1),
        load_assignment=endpoint_pb2.ClusterLoadAssignment(
            cluster_name=names.XDS_CLUSTER,
            endpoints=[endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=[host])],
        ),
    )
    ping = protocol_pb2.KeepaliveSettings(interval=messages.seconds(30), timeout=messages.seconds(5))
    clusters.http2_options(body, protocol_pb2.Http2ProtocolOptions(connection_keepalive=ping))
    return body
