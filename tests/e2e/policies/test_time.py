"""How long things may take: requests, idle streams and idle connections, and 0, which is for ever.

The numbers here are shorter than the whole seconds that ECS takes; test_protocols reads those that hold by default.
"""

import asyncio
from typing import Any

import pytest
from bed import Application
from policies.edits import Edit, both, in_managers, in_tcp_proxies, on_aliases, on_routes, on_upstream_options
from policies.sides import Rig, Side
from policies.unruly import Events, Script

from moorage.mesh.view import Protocol, Timeouts

pytestmark = [pytest.mark.namespaces, pytest.mark.asyncio(loop_scope="module")]

SHORT, LONG, ENOUGH = 0.2, 300, 0.8
"""A time-out that passes, one that does not, and how long is waited for the first."""


def request_timeout(seconds: float) -> Edit:
    return on_routes(lambda route: route.timeout.FromMilliseconds(int(seconds * 1000)))


def idle_streams(seconds: float) -> Edit:
    milliseconds = int(seconds * 1000)
    return both(
        on_routes(lambda route: route.idle_timeout.FromMilliseconds(milliseconds)),
        in_managers(lambda manager: manager.stream_idle_timeout.FromMilliseconds(milliseconds)),
    )


def idle_connections(seconds: float) -> Edit:
    milliseconds = int(seconds * 1000)

    def change(holder: Any) -> None:
        holder.common_http_protocol_options.idle_timeout.FromMilliseconds(milliseconds)

    return both(in_managers(change), on_upstream_options(change))


def idle_tcp(seconds: float) -> Edit:
    return in_tcp_proxies(lambda proxy: proxy.idle_timeout.FromMilliseconds(int(seconds * 1000)))


def _no_farewell(manager: Any) -> None:
    manager.drain_timeout.FromMilliseconds(1)
    manager.delayed_close_timeout.FromMilliseconds(1)


no_farewell = in_managers(_no_farewell)
"""Envoy takes a second for a request that may be on its way, and one more for the client to close first."""


async def held(side: Side) -> Application:
    """A task that never answers."""
    return await side.task(hold=asyncio.Event())


async def test_a_request_beyond_its_time_is_answered_504_and_the_task_is_told_the_time(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await held(side)
        answer = await side.within(ENOUGH, side.get(await side.alias(task, timeouts=Timeouts(LONG, SHORT))))
        assert (answer.status, task.seen[0]["x-envoy-expected-rq-timeout-ms"]) == (504, "200")

    await rig.proven(scene, without=request_timeout(0))


async def test_the_servers_own_proxy_holds_to_the_time_too(rig: Rig) -> None:
    """What comes past the neighbours' proxies, from a load balancer for one, is cut as well."""

    async def scene(side: Side) -> None:
        port = await side.behind((await held(side)).port, timeouts=Timeouts(LONG, SHORT))
        connection = await side.bed.namespace.connected("127.0.0.1", port)
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        line = await side.within(ENOUGH, reader.readline())
        writer.close()
        assert b" 504 " in line

    await rig.proven(scene, without=request_timeout(0))


@pytest.mark.parametrize(("seconds", "whole"), [(0, True), (SHORT, False)], ids=["off", "set"])
async def test_a_stream_of_events_outlives_a_request_time_of_0_and_is_cut_by_another(
    rig: Rig, seconds: float, whole: bool
) -> None:
    async def scene(side: Side) -> None:
        events = Script(Events(count=5, pause=0.1))
        vip = await side.alias(await side.listen(events.serve), timeouts=Timeouts(LONG, seconds))
        reader, writer = await side.connect(vip)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b" 200 " in await reader.readline()
        try:
            ended = await side.within(ENOUGH, reader.readuntil(b"data: 4"))
        except (asyncio.IncompleteReadError, AssertionError):
            ended = b""
        writer.close()
        assert bool(ended) is whole

    await rig.proven(scene, without=request_timeout(SHORT if whole else 0))


@pytest.mark.parametrize("request_time", [0, 15])
async def test_an_idle_stream_ends_and_the_shorter_time_wins(rig: Rig, request_time: int) -> None:
    async def scene(side: Side) -> None:
        vip = await side.alias(await held(side), timeouts=Timeouts(SHORT, request_time))
        assert (await side.within(ENOUGH, side.get(vip))).status == 504

    await rig.proven(scene, without=idle_streams(0))


async def kept_alive(side: Side, idle: float) -> tuple[bool, bool]:
    """Whether the client's connection and the task's are closed by the proxy after a request and a pause."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await reader.read()
        ended.set()
        writer.close()

    reader, writer = await side.connect(await side.alias(await side.listen(serve), timeouts=Timeouts(idle, 15)))
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    waiting = [asyncio.ensure_future(each) for each in (reader.read(), ended.wait())]
    await asyncio.wait(waiting, timeout=ENOUGH * (side.patience if idle else 1))
    found = waiting[0].done(), waiting[1].done()
    for each in waiting:
        each.cancel()
    writer.close()
    return found


async def test_idle_connections_are_closed_on_both_sides_of_a_proxy(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        assert await kept_alive(side, SHORT) == (True, True)

    await rig.proven(scene, without=idle_connections(0), with_both=no_farewell)


async def test_an_idle_time_of_0_keeps_them(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        assert await kept_alive(side, 0) == (False, False)

    await rig.proven(scene, without=idle_connections(SHORT), with_both=no_farewell)


@pytest.mark.parametrize(("seconds", "closed"), [(SHORT, True), (0, False)], ids=["set", "off"])
async def test_idle_tcp_connections(rig: Rig, seconds: float, closed: bool) -> None:
    async def scene(side: Side) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                writer.write(data)
            writer.close()

        port = await side.listen(echo)
        vip = await side.alias(port, protocol=Protocol.TCP, timeouts=Timeouts(seconds, None))
        reader, writer = await side.connect(vip)
        writer.write(b"ahoy")
        assert await reader.readexactly(4) == b"ahoy"
        patience = ENOUGH * (side.patience if closed else 1)
        done, waiting = await asyncio.wait([asyncio.ensure_future(reader.read())], timeout=patience)
        for each in waiting:
            each.cancel()
        writer.close()
        assert bool(done) is closed

    await rig.proven(scene, without=idle_tcp(0 if closed else SHORT))


@pytest.mark.parametrize("protocol", list(Protocol))
async def test_the_longest_times_that_ecs_takes_are_taken(rig: Rig, protocol: Protocol) -> None:
    async def scene(side: Side) -> None:
        longest = Timeouts(2**31 - 1, None if protocol is Protocol.TCP else 2**31 - 1)
        task = await side.task()
        listener = await side.behind(task.port, Protocol.HTTP if protocol is not Protocol.TCP else protocol, longest)
        vip = await side.alias(listener, protocol=protocol, timeouts=longest)
        assert (await side.get(vip)).content == task.name.encode()

    await rig.holds(scene)


async def test_the_kernel_asks_after_a_task_that_says_nothing_for_half_a_minute(rig: Rig) -> None:
    """A peer whose network is gone is noticed, though nothing is sent to it: TCP for an hour, say."""

    async def scene(side: Side) -> None:
        port = await side.listen(silence)
        vip = await side.alias(port, protocol=Protocol.TCP, timeouts=Timeouts(3600, None))
        _, writer = await side.connect(vip)

        async def asks() -> bool:
            return any(kind == 2 and ends <= 30 * 100 for kind, ends in side.timers(port))

        await side.soon(asks)
        writer.close()

    await rig.proven(scene, without=on_aliases(lambda cluster: cluster.ClearField("upstream_connection_options")))


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize(("name", "held"), [("drain_timeout", "1s"), ("delayed_close_timeout", "0.100s")])
async def test_envoy_holds_the_times_of_its_farewells(rig: Rig, name: str, held: str) -> None:
    """Its own would be five seconds between the goodbyes, and one for the client to close first."""

    async def scene(side: Side) -> None:
        await side.alias(side.closed())
        assert {manager.get(name) for manager in await side.managers()} == {held}

    await rig.proven(scene, without=in_managers(lambda manager: manager.ClearField(name)))
