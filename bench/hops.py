"""What two proxies add to a request: Moorage's, beside none, a minimal Envoy configuration, and other meshes' defaults.

All in one network namespace, Moorage's proxies fed by a real hub and reached by redirect, as in a task. The others are
static: `minimal` has nothing but a connection manager and a router; `laden` adds what sidecars of other meshes have by
default (Istio's demo profile: text access log to a file, fault and CORS filters, gRPC statistics; Consul's: RBAC).
"""

import asyncio
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure, percentile
from bench.place import bed, scratch
from bench.proxies import run_seconds

SERVER, INGRESS, RATE, CONNECTIONS = 18080, 18081, 1000, 16
EGRESS = {"minimal": 18100, "laden": 18200}
ALIAS_PORT = 80
PATHS = ("none", "minimal", "moorage", "laden")
EXTENSIONS = "type.googleapis.com/envoy.extensions"
V3 = f"{EXTENSIONS}.filters"


def measure(quick: bool) -> list[Figure]:
    with scratch() as directory, bed.namespace_of_its_own() as namespace:
        found = asyncio.run(_measure(directory, namespace, 3 if quick else 6, 3 if quick else 10))
    how = f"{RATE:,} requests/s on {CONNECTIONS} connections, HTTP/1.1, 1 KB answers, open loop"
    figures = []
    for path in PATHS:
        took, _ = found[path]
        for what, share in (("p50", 0.5), ("p99", 0.99)):
            over = percentile(took, share) - percentile(found["none"][0], share)
            note = how if path == "none" else f"added to {percentile(found['none'][0], share):.3g} ms"
            value = percentile(took, share) if path == "none" else over
            figures.append(Figure(f"{path}: {what}", value, "ms", note=note))
    for path in PATHS[1:]:
        costs = found[path][1]
        figures.append(
            Figure(f"{path}: processor time of both proxies per request", median(costs), "us", samples=costs)
        )
    ours = found["moorage"][1]
    for other, limit in (("minimal", 1.05), ("laden", 1.0)):
        ratios = [one / two for one, two in zip(ours, found[other][1], strict=True)]
        figures.append(Figure(f"moorage by {other}", median(ratios), "times", limit, note="rounds", samples=ratios))
    return figures


Found = dict[str, tuple[list[float], list[float]]]
"""By path: the milliseconds that requests took, and each round's processor time per request in microseconds."""


async def _measure(directory: Path, namespace: bed.Namespace, rounds: int, seconds: int) -> Found:
    found: Found = {path: ([], []) for path in PATHS}
    here = bed.Bed(namespace.directory, namespace)
    try:
        namespace.spawn(sys.executable, "-m", "bench.hop", "serve", str(SERVER), output="server.log")
        proxies = {name: _static(namespace, name, first) for name, first in EGRESS.items()}
        proxies |= {"none": [], "moorage": await _moorage(here)}
        targets = {"none": ("127.0.0.1", SERVER), "moorage": ("127.255.0.1", ALIAS_PORT)}
        targets |= {name: ("127.0.0.1", first) for name, first in EGRESS.items()}
        for path in PATHS:
            await here.until(lambda path=path: _answers(namespace, *targets[path]))
        for number in range(rounds):
            # Each round in another order: what is first finds the machine in another state than what is last.
            for path in PATHS[number % 4 :] + PATHS[: number % 4]:
                before = sum(run_seconds(pid) for pid in proxies[path])
                told = await _load(here, number, path, targets[path], seconds)
                spent = sum(run_seconds(pid) for pid in proxies[path]) - before
                found[path][0].extend(told["took"])
                found[path][1].append(spent * 1e6 / (RATE * (seconds + 1)))
    finally:
        await here.close()
    return found


async def _answers(namespace: bed.Namespace, host: str, port: int) -> bool:
    try:
        made = await namespace.connected(host, port)
    except OSError:
        return False
    loop = asyncio.get_running_loop()
    with made:
        await loop.sock_sendall(made, b"GET / HTTP/1.1\r\nhost: server\r\n\r\n")
        return (await loop.sock_recv(made, 100)).startswith(b"HTTP/1.1 200")


async def _load(here: bed.Bed, number: int, path: str, target: tuple[str, int], seconds: int) -> dict[str, Any]:
    output = here.directory / f"load-{number}-{path}.json"
    words = (target[0], target[1], RATE, seconds, CONNECTIONS)
    here.namespace.spawn(sys.executable, "-m", "bench.hop", "load", *map(str, words), output=output.name)
    await here.until(lambda: asyncio.sleep(0.1, output.exists() and output.read_text().endswith("\n")), 60)
    told: dict[str, Any] = json.loads(output.read_text())
    if told["failed"] or len(told["took"]) < RATE * seconds:
        raise RuntimeError(f"{path}: {told['failed']} failed, {len(told['took'])} of {RATE * seconds} answered")
    return told


async def _moorage(here: bed.Bed) -> list[int]:
    """A server's proxy before the application, and a client's proxy that knows one name."""
    here.namespace.redirect(bed.EGRESS_PORT)
    await here.proxy(bed.Words.server("server", (INGRESS, SERVER)))
    await here.proxy(bed.Words.client(bed.Words.alias(1, INGRESS)))
    return [here.pid("server"), here.pid("client")]


def _static(namespace: bed.Namespace, name: str, first: int) -> list[int]:
    """Two proxies one behind the other: `first` leads to the next port, which leads to the server."""
    pids = []
    for listens, leads in ((first, first + 1), (first + 1, SERVER)):
        config = namespace.directory / f"{name}-{listens}.json"
        config.write_text(json.dumps(_document(listens, leads, LADEN if name == "laden" else ())))
        argv = (bed.envoy_binary(), "--config-path", str(config), "--concurrency", "1", "--disable-hot-restart")
        pids.append(namespace.spawn(*argv, output=f"{name}-{listens}.log"))
    return pids


def _filter(name: str, **settings: Any) -> dict[str, Any]:
    kind = f"{V3}.http.{name}.v3.{settings.pop('kind')}"
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **settings}}


_ANY = {"any": True}
LADEN = (
    _filter(
        "rbac",
        kind="RBAC",
        rules={"policies": {"all": {"permissions": [{"any": True}], "principals": [{"any": True}]}}},
    ),
    _filter("fault", kind="HTTPFault"),
    _filter("cors", kind="Cors"),
    _filter("grpc_stats", kind="FilterConfig", emit_filter_state=True, stats_for_all_methods=False),
)


def _document(listens: int, leads: int, more: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    def at(port: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    route = {"match": {"prefix": "/"}, "route": {"cluster": "next"}}
    manager: dict[str, Any] = {
        "@type": f"{V3}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "hop",
        "http_filters": [*more, _filter("router", kind="Router")],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    if more:
        log = {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": "/dev/null",
        }
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    load = {"cluster_name": "next", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": at(leads)}}]}]}
    cluster = {"name": "next", "type": "STATIC", "load_assignment": load}
    listener = {"name": "hop", "address": at(listens), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
