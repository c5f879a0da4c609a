"""A rolling deployment of four server tasks under 16 closed-loop clients: not one request may fail."""

import time

from bench.figure import Figure
from bench.place import Place, fresh

PORT = {"name": "server", "containerPort": 5000, "appProtocol": "http"}
ALIAS = {"port": 5000, "dnsName": "server.mesh.local"}
EXPOSING = {"enabled": True, "services": [{"portName": "server", "clientAliases": [ALIAS]}]}
URL = "http://server.mesh.local:5000/"
TASKS, CLIENTS = 4, 16


def measure(quick: bool) -> list[Figure]:
    failed = answered = 0
    seconds = []
    with fresh() as moorage:
        _set_up(moorage)
        for _ in range(1 if quick else 3):
            tally, took = _roll(moorage)
            failed += sum(tally["failure"].values())
            answered += tally["status"].get("200", 0)
            seconds.append(took)
    how = f"{answered:,} answered, {len(seconds)} deployments of {TASKS} tasks, {CLIENTS} closed-loop clients"
    return [
        Figure("requests that failed while the server was rolled", failed, "requests", 0, note=how),
        Figure("the longest of these deployments", max(seconds), "s", note="UpdateService to stable", samples=seconds),
    ]


def _set_up(moorage: Place) -> None:
    moorage.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "mesh.local"})
    moorage.define("server", PORT)
    moorage.define("client")
    moorage.serve("server", TASKS, EXPOSING)
    moorage.serve("client", 1, {"enabled": True})
    moorage.stable("server", "client")


def _roll(moorage: Place) -> tuple[dict[str, dict[str, int]], float]:
    """What the clients met, from before the deployment until after it, and how long it took."""
    before = {task["taskArn"] for task in moorage.tasks("server")}
    with moorage.load("client", URL, CLIENTS) as tally:
        began = time.monotonic()
        moorage.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
        moorage.stable("server")
        took = time.monotonic() - began
    after = {task["taskArn"] for task in moorage.tasks("server")}
    if before & after or len(after) != TASKS:
        raise RuntimeError(f"of {len(before)} tasks {len(before & after)} are left, and {len(after)} run")
    return tally, took
