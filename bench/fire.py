"""Four server tasks rolled five times under every kind of traffic at once: nothing may fail, no stream may be cut.

HTTP/1.1 and HTTP/2 clients ask in closed loops; gRPC streams and TCP connections live for some seconds, well within the
drain time, so that one that does not end by its client's will was cut by the deployment.
"""

import time
from collections import Counter

from bench.figure import Figure
from bench.place import Place, fresh

PORTS = [
    {"name": "http", "containerPort": 5000, "appProtocol": "http"},
    {"name": "tcp", "containerPort": 7000},
    {"name": "http2", "containerPort": 7001, "appProtocol": "http2"},
    {"name": "grpc", "containerPort": 7002, "appProtocol": "grpc"},
]
ENVIRONMENT = [{"name": "TCP_PORT", "value": "7000"}, {"name": "H2_PORTS", "value": "7001,7002"}]
TASKS, ROLLS = 4, 5
CLIENTS = {"http": 32, "http2": 8, "grpc": 8, "tcp": 4}
STREAM_SECONDS = 5.0


def measure(quick: bool) -> list[Figure]:
    failed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    seconds = []
    with fresh() as moorage:
        _set_up(moorage)
        for _ in range(1 if quick else ROLLS):
            tally, took = _roll(moorage)
            failed.update(tally["failed"])
            done.update(tally["done"])
            seconds.append(took)
    clients = ", ".join(f"{count} {kind}" for kind, count in CLIENTS.items())
    how = f"{', '.join(f'{count:,} {kind}' for kind, count in sorted(done.items()))}; {clients} clients"
    what = "; ".join(f"{times} times {why}" for why, times in failed.most_common(5))
    return [
        Figure("requests that failed, streams that were cut", failed.total(), "", 0, note=what or how),
        Figure("exchanges", done.total(), "", note=how),
        Figure("the longest deployment", max(seconds), "s", note=f"{TASKS} tasks, to stable", samples=seconds),
    ]


def _set_up(moorage: Place) -> None:
    moorage.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "mesh.local"})
    moorage.define("wire", *PORTS, environment=ENVIRONMENT)
    moorage.define("client")
    aliases = [
        {"portName": port["name"], "clientAliases": [{"port": port["containerPort"], "dnsName": "wire"}]}
        for port in PORTS
    ]
    moorage.serve("wire", TASKS, {"enabled": True, "services": aliases})
    moorage.serve("client", 1, {"enabled": True})
    moorage.stable("wire", "client")


def _roll(moorage: Place) -> tuple[dict[str, dict[str, int]], float]:
    """What the clients met, from before the deployment until after it, and how long it took."""
    before = moorage.ids("wire")
    ports = {port["name"]: f"{port['containerPort']}:{CLIENTS[str(port['name'])]}" for port in PORTS}
    with moorage.fire("client", "wire", STREAM_SECONDS, ports) as tally:
        began = time.monotonic()
        moorage.ecs.update_service(cluster="demo", service="wire", forceNewDeployment=True)
        moorage.stable("wire", within=180)
        took = time.monotonic() - began
    after = moorage.ids("wire")
    if before & after or len(after) != TASKS:
        raise RuntimeError(f"of {len(before)} tasks {len(before & after)} are left, and {len(after)} run")
    return tally, took
