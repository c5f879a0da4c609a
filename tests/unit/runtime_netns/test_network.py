"""Traffic: between tasks, through redirects, by name, to the host and beyond it."""

import asyncio
import os
import socket

import pytest
from pyroute2 import IPRoute

from moorage.engine.ports import NotRunning, Unavailable
from moorage.planning.actions import ContainerSpec, HostsEntry, IngressRedirect, TaskSpec
from moorage.runtime import syscalls
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, fetch, get, listening, run, serve, sh

pytestmark = pytest.mark.namespaces
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="the uplink to the host is root's")


async def test_tasks_reach_each_other_by_address(runtime: NetnsRuntime) -> None:
    there = await serve(runtime, "alpha", 80)
    here = await serve(runtime, "beta", 80)
    result = await fetch(runtime, "beta", f"http://{there}/")
    assert (result.exit_code, result.output) == (0, f"alpha {here}")


async def test_an_alias_leads_to_the_egress_port_and_nobody_needs_to_bind_it(runtime: NetnsRuntime) -> None:
    hosts = (HostsEntry("127.255.0.1", "server.shop"),)
    await serve(runtime, "alpha", 42000, hosts=hosts, egress_port=42000)
    # The task itself listens on the alias's own port, on every address, and is not what the alias means.
    decoy = ("python", "/app/server.py", "5000")
    await runtime.start(ContainerSpec("alpha", "decoy", "plain", command=decoy, environment=(("WHO", "decoy"),)))
    await listening(runtime, "alpha", 5000)
    result = await fetch(runtime, "alpha", "http://server.shop:5000/")
    assert result.output.split()[0] == "alpha"
    assert await get(await runtime.resolve_and_dial("alpha", "server.shop", 5000)) == "alpha 127.0.0.1"
    assert (await fetch(runtime, "alpha", "http://127.0.0.1:5000/")).output.split()[0] == "decoy"


async def test_arriving_traffic_goes_to_the_listener_and_local_traffic_to_the_program(runtime: NetnsRuntime) -> None:
    address = await serve(runtime, "alpha", 80, ingress=(IngressRedirect(80, 42001),))
    proxy = ("python", "/app/server.py", "42001")
    await runtime.start(ContainerSpec("alpha", "proxy", "plain", command=proxy, environment=(("WHO", "proxy"),)))
    await listening(runtime, "alpha", 42001)
    await run(runtime, "beta", "sleep", "60")
    assert (await fetch(runtime, "beta", f"http://{address}/")).output.split()[0] == "proxy"
    assert (await fetch(runtime, "alpha", "http://127.0.0.1/")).output.split()[0] == "alpha"
    assert await get(await runtime.dial("alpha", 80)) == "alpha 127.0.0.1"


async def test_no_connection_of_the_task_is_given_a_port_of_its_proxy(runtime: NetnsRuntime) -> None:
    await serve(runtime, "alpha", 80, ingress=(IngressRedirect(80, 42001),), egress_port=42000)
    seen = await sh(runtime, "alpha", "cat /proc/sys/net/ipv4/ip_local_reserved_ports")
    assert (seen.exit_code, seen.output.strip()) == (0, "42000-42001")


async def test_names_resolve_as_a_program_of_the_task_would_see_them(runtime: NetnsRuntime) -> None:
    await serve(runtime, "alpha", 80, hosts=(HostsEntry("127.0.0.1", "known.example"),))
    assert await get(await runtime.resolve_and_dial("alpha", "known.example", 80)) == "alpha 127.0.0.1"
    assert await get(await runtime.resolve_and_dial("alpha", "alpha", 80)) != ""
    with pytest.raises(NotRunning, match="does not resolve"):
        await runtime.resolve_and_dial("alpha", "unknown.invalid", 80)


async def test_two_instances_live_side_by_side(bench: Bench) -> None:
    other = Bench(bench.place / "other")
    other.image("plain", {})
    one, two = bench.open(), other.open()
    try:
        first, second = await serve(one, "alpha", 80), await serve(two, "alpha", 80)
        if os.geteuid() == 0:
            assert first.split(".")[1] != second.split(".")[1]
        assert (await sh(one, "alpha", "true")).exit_code == 0
    finally:
        await two.close(stop_tasks=True)


@root_only
async def test_instances_that_start_at_once_choose_different_ranges(bench: Bench) -> None:
    benches = [bench, *(Bench(bench.place / name) for name in ("second", "third"))]
    runtimes = [one.open() for one in benches]
    try:
        facts = await asyncio.gather(*(runtime.facts() for runtime in runtimes))
        assert len({fact["pool"] for fact in facts}) == len(benches)
    finally:
        await asyncio.gather(*(runtime.close(stop_tasks=True) for runtime in runtimes))


async def test_a_range_of_ones_own_is_used_and_one_too_small_is_refused(bench: Bench) -> None:
    with pytest.raises(Unavailable, match="too small for tasks"):
        await bench.open(pool="10.213.7.0/30").facts()
    runtime = bench.open(pool="10.213.7.0/24")
    assert await runtime.prepare(TaskSpec("alpha", "alpha")) == "10.213.7.2"


@root_only
async def test_a_range_that_the_host_uses_is_refused(bench: Bench) -> None:
    used = (await bench.open().facts())["pool"]
    other = Bench(bench.place / "other")
    with pytest.raises(Unavailable, match=f"already routes addresses of {used}"):
        await other.open(pool=used).facts()


@root_only
async def test_tasks_reach_what_the_host_reaches_behind_its_own_address(bench: Bench) -> None:
    runtime = bench.open()
    await run(runtime, "alpha", "sleep", "60")
    neighbour = Neighbour()
    try:
        await asyncio.to_thread(neighbour.open)
        where = (neighbour.address, neighbour.port)
        answering = asyncio.create_task(neighbour.answer())
        ask = f"import socket; print(socket.create_connection({where}, 5).recv(99).decode())"
        result = await runtime.exec("alpha", "main", ["python3", "-c", ask], {}, within=20)
        assert result.output.strip() == neighbour.host
        await answering
    finally:
        await asyncio.to_thread(neighbour.close)


class Neighbour:
    """A network beside the host, which knows only the host: a server there tells callers which address they have."""

    address, host = "198.18.77.2", "198.18.77.1"
    port = 0

    def open(self) -> None:
        self._name = f"nb{os.getpid() % 100000}"
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        syscalls.unshare(syscalls.CLONE_NEWNET)
        inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._server = socket.socket()
        self._server.setblocking(False)
        self._server.bind(("0.0.0.0", 0))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        inner = IPRoute()
        syscalls.setns(home, syscalls.CLONE_NEWNET)
        with IPRoute() as outer, inner:
            outer.link("add", ifname=self._name, kind="veth", peer={"ifname": "e0", "net_ns_fd": inside})
            for route, name, address in ((outer, self._name, self.host), (inner, "e0", self.address)):
                index = route.link_lookup(ifname=name)[0]
                route.addr("add", index=index, address=address, prefixlen=30)
                route.link("set", index=index, state="up")
        os.close(home)
        os.close(inside)

    async def answer(self) -> None:
        loop = asyncio.get_running_loop()
        connected, caller = await loop.sock_accept(self._server)
        with connected:
            await loop.sock_sendall(connected, caller[0].encode())

    def close(self) -> None:
        self._server.close()
        with IPRoute() as route:
            for index in route.link_lookup(ifname=self._name):
                route.link("del", index=index)


@root_only
async def test_tasks_reach_a_server_of_the_host_itself(bench: Bench) -> None:
    runtime = bench.open()
    await run(runtime, "alpha", "sleep", "60")
    pool = (await runtime.facts())["pool"].rpartition(".0.0/")[0]
    with socket.socket() as server:
        server.bind((f"{pool}.255.253", 0))
        server.listen()
        dial = f"import socket; socket.create_connection(('{pool}.255.253', {server.getsockname()[1]}), 5)"
        assert (await runtime.exec("alpha", "main", ["python3", "-c", dial], {}, within=20)).exit_code == 0
