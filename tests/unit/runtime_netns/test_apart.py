"""Containers with networks of their own: published ports, their proxy, and none at all."""

import asyncio
from dataclasses import replace

import pytest

from moorage.domain.task import PortBinding
from moorage.engine.ports import CannotStart
from moorage.planning.actions import Apart, ContainerSpec, HostsEntry, TaskSpec
from moorage.runtime.netns import NetnsRuntime

from .conftest import fetch, get, listening, run, sh

pytestmark = pytest.mark.namespaces

APART = (Apart("main", (80,)), Apart("side", (81,)), Apart("proxy", is_proxy=True))
PUBLISHED = (PortBinding("main", 80, 0), PortBinding("side", 81, 8081), PortBinding("main", 7000, 0, "udp", 3, True))


def bridged(task: str, **also: object) -> TaskSpec:
    return replace(TaskSpec(task, task, apart=APART, published=PUBLISHED), **also)  # type: ignore[arg-type]  # by name


async def start(runtime: NetnsRuntime, task: str, name: str, port: int) -> None:
    argv = ("python", "/app/server.py", str(port))
    await runtime.start(ContainerSpec(task, name, "plain", command=argv, environment=(("WHO", f"{task}-{name}"),)))


async def test_each_container_is_reached_at_its_own_ports_of_the_instance(runtime: NetnsRuntime) -> None:
    assert await runtime.prepare(bridged("alpha")) == ""
    seen = await runtime.observe("alpha")
    assert seen is not None and seen.address == ""
    assert len({*seen.addresses.values(), seen.host_address}) == 4
    ports = {(each.container, each.container_port): each.host_port for each in seen.bindings}
    assert ports[("side", 81)] == 8081
    await start(runtime, "alpha", "main", 80)
    await start(runtime, "alpha", "side", 81)
    await listening(runtime, "alpha", 80)
    await listening(runtime, "alpha", 81)
    assert await runtime.listening("alpha") == {80, 81}
    # A neighbour is answered through the instance, and so is the container itself.
    await run(runtime, "beta", "sleep", "60")
    for caller in ("beta", "alpha"):
        first = await fetch(runtime, caller, f"http://{seen.host_address}:{ports[('main', 80)]}/")
        second = await fetch(runtime, caller, f"http://{seen.host_address}:8081/")
        assert (first.output.split()[0], second.output.split()[0]) == ("alpha-main", "alpha-side")
    # The instance keeps its hardware address when links come and go: neighbours remember it.
    neighbours = (await sh(runtime, "alpha", "cat /proc/net/arp")).output.splitlines()
    assert [line.split()[3][:6] for line in neighbours if line.split()[0] == seen.host_address] == ["02:00:"]
    # Containers of one task share no loopback.
    assert (await fetch(runtime, "alpha", "http://127.0.0.1:81/")).exit_code != 0
    # A socket made on the instance itself gets there, too.
    assert "alpha-main" in await get(await runtime.dial("alpha", 80))


async def test_ports_are_released_with_their_task_and_never_given_twice(runtime: NetnsRuntime) -> None:
    given = set()
    for task in ("alpha", "beta", "gamma"):
        own = PUBLISHED[::2]
        await asyncio.gather(*(runtime.prepare(bridged(task, published=own)) for _ in range(2)))
        seen = await runtime.observe(task)
        assert seen is not None
        found = {(each.protocol, each.host_port + n) for each in seen.bindings for n in range(each.size)}
        assert len(found) == 4 and not given & found
        given |= found
    await runtime.prepare(bridged("delta", published=PUBLISHED[1:2]))
    with pytest.raises(CannotStart, match="8081 failed: port is already allocated"):
        await runtime.prepare(bridged("epsilon", published=PUBLISHED))
    await runtime.remove("delta")
    await runtime.prepare(bridged("epsilon", published=PUBLISHED))


async def test_what_containers_send_to_aliases_arrives_at_the_proxy_of_their_task(runtime: NetnsRuntime) -> None:
    hosts = (HostsEntry("127.255.0.1", "server.shop"),)
    await runtime.prepare(bridged("alpha", hosts=hosts, egress_port=42000))
    await start(runtime, "alpha", "proxy", 42000)
    await start(runtime, "alpha", "main", 80)
    await listening(runtime, "alpha", 80)
    seen = await runtime.observe("alpha")
    assert seen is not None
    found = await fetch(runtime, "alpha", "http://server.shop:5000/")
    assert found.output == f"alpha-proxy {seen.addresses['main']}"
    # The rest of loopback stays at home.
    assert (await fetch(runtime, "alpha", "http://127.0.0.1:80/")).output.split()[0] == "alpha-main"


async def test_a_task_that_is_not_joined_has_loopback_alone(runtime: NetnsRuntime) -> None:
    assert await runtime.prepare(bridged("alpha", joined=False, published=(), apart=APART[:2])) == ""
    await start(runtime, "alpha", "main", 80)
    await listening(runtime, "alpha", 80)
    links = (await sh(runtime, "alpha", "cat /proc/net/dev")).output
    assert [line.split(":")[0].strip() for line in links.splitlines()[2:]] == ["lo"]
    seen = await runtime.observe("alpha")
    assert seen is not None
    assert (seen.address, seen.host_address, seen.addresses) == ("", "", {"main": "", "side": ""})
