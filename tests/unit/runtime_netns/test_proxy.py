"""The real Envoy as a task's proxy: found in its package, alone with its socket directory, in the way of traffic."""

import json
import os
from pathlib import Path

import pytest

from moorage.planning.actions import PROXY_IMAGE, ContainerSpec, File, HostsEntry, IngressRedirect, Mount, TaskSpec
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.supervisor.identity import PROXY

from .conftest import Bench, fetch, get, listening, run, serve, sh, until

pytestmark = pytest.mark.namespaces

ADMIN = "/run/moorage/admin.sock"


def _tcp(name: str, port: int, cluster: str) -> dict[str, object]:
    """A listener that passes TCP on to a cluster."""
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": cluster,
    }
    address = {"socket_address": {"address": "0.0.0.0", "port_value": port}}
    chain = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    return {"name": name, "address": address, "filter_chains": [chain]}


def _cluster(name: str, address: str, port: int) -> dict[str, object]:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "connect_timeout": "1s", "load_assignment": assignment}


def _bootstrap(listeners: list[dict[str, object]], clusters: list[dict[str, object]]) -> str:
    return json.dumps(
        {
            "admin": {"address": {"pipe": {"path": ADMIN}}},
            "static_resources": {"listeners": listeners, "clusters": clusters},
        }
    )


async def _start_proxy(runtime: NetnsRuntime, task: str, bootstrap: str, sockets: Path) -> None:
    sockets.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(sockets, PROXY, PROXY)
    arguments = ("-c", "/etc/envoy/bootstrap.json", "--concurrency", "1", "--disable-hot-restart", "-l", "error")
    await runtime.start(
        ContainerSpec(
            *(task, "proxy", PROXY_IMAGE),
            command=arguments,
            user=str(PROXY),
            files=(File("/etc/envoy/bootstrap.json", bootstrap),),
            mounts=(Mount(str(sockets), "/run/moorage"),),
        )
    )


async def test_two_envoys_carry_a_request_from_an_alias_to_a_program_at_the_same_port(bench: Bench) -> None:
    runtime = bench.open()
    server = await serve(runtime, "server", 5000, ingress=(IngressRedirect(5000, 42001),))
    inward = _bootstrap([_tcp("in", 42001, "app")], [_cluster("app", "127.0.0.1", 5000)])
    await _start_proxy(runtime, "server", inward, bench.place / "s")
    hosts = (HostsEntry("127.255.0.1", "server.hello-world.com"),)
    await runtime.prepare(TaskSpec("client", "client", hosts=hosts, egress_port=42000))
    outward = _bootstrap([_tcp("out", 42000, "server")], [_cluster("server", server, 5000)])
    await _start_proxy(runtime, "client", outward, bench.place / "c")
    await run(runtime, "client", "sleep", "60")
    await listening(runtime, "server", 42001)
    await listening(runtime, "client", 42000)

    url = "http://server.hello-world.com:5000/"
    result = await fetch(runtime, "client", url)
    # The program saw its own proxy, which proves both ways: not the client, not a direct connection.
    assert (result.exit_code, result.output) == (0, "server 127.0.0.1")
    assert await get(await runtime.resolve_and_dial("client", "server.hello-world.com", 5000)) == "server 127.0.0.1"

    async def admin_is_there() -> bool:
        return (bench.place / "c/admin.sock").is_socket()

    await until(admin_is_there, "the proxy's admin socket appears on the host")
    assert (await sh(runtime, "client", "ls /run/moorage")).exit_code != 0
    assert (await sh(runtime, "client", "id -u", "proxy")).output.strip() == str(PROXY)
