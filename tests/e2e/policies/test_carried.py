"""What passes the proxies unharmed, what they add, and what they refuse."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets.asyncio.client
import websockets.asyncio.server
from bed import HTTP
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import Buffer
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from policies.edits import both, in_managers, in_tcp_proxies, on_clusters, on_hosts, on_listeners, on_upstream_options
from policies.sides import Rig, Side
from policies.unruly import Events, Script, Streams, ask_streams

from moorage.mesh import messages
from moorage.mesh.view import Protocol, Timeouts

pytestmark = [pytest.mark.namespaces, pytest.mark.asyncio(loop_scope="module")]
MEGABYTE = 1 << 20


def http1(name: str, value: bool) -> Any:
    """That option of HTTP/1.1 towards clients and towards tasks."""
    return both(
        in_managers(lambda manager: setattr(manager.http_protocol_options, name, value)),
        on_upstream_options(lambda options: _set_upstream(options, name, value)),
    )


def _set_upstream(options: Any, name: str, value: bool) -> None:
    if options.explicit_http_config.HasField("http_protocol_options"):
        setattr(options.explicit_http_config.http_protocol_options, name, value)


async def test_one_connection_to_a_task_carries_the_requests_of_many_clients(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await side.task()
        vip = await side.alias(task)
        await side.answers(vip, 10)
        await side.answers(vip, 10)
        assert (len(task.seen), task.connections) == (20, 1)

    def one_each(options: Any) -> None:
        options.common_http_protocol_options.max_requests_per_connection.value = 1

    await rig.proven(scene, without=on_upstream_options(one_each))


async def test_http_1_0_is_answered_426(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await side.task()
        reader, writer = await side.connect(await side.alias(task))
        writer.write(b"GET / HTTP/1.0\r\nhost: a\r\n\r\n")
        line = await reader.readline()
        writer.close()
        assert (line.split()[1], task.seen) == (b"426", [])

    await rig.proven(scene, without=http1("accept_http_10", True))


async def test_a_client_that_expects_100_continue_is_told_so_by_the_proxy(rig: Rig) -> None:
    """A program that knows nothing of it loses no time."""

    async def scene(side: Side) -> None:
        task = await side.task()
        reader, writer = await side.connect(await side.alias(await side.behind(task.port)))
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        assert b" 100 " in await side.within(1, reader.readuntil(b"\r\n\r\n"))
        writer.write(b"ahoy")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()

    await rig.proven(scene, without=in_managers(lambda manager: setattr(manager, "proxy_100_continue", True)))


async def test_trailers_pass_both_ways(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        got = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n0\r\n")
            got.append(await reader.readline())
            head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
            writer.write(head + b"4\r\nahoy\r\n0\r\nx-sum: answered\r\n\r\n")

        vip = await side.alias(await side.behind(await side.listen(Script(answer).serve)))
        reader, writer = await side.connect(vip)
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
        writer.write(head + b"4\r\nahoy\r\n0\r\nx-sum: asked\r\n\r\n")
        await reader.readuntil(b"\r\n0\r\n")
        got.append(await reader.readline())
        writer.close()
        assert got == [b"x-sum: asked\r\n", b"x-sum: answered\r\n"]

    await rig.proven(scene, without=http1("enable_trailers", False))


async def talking(side: Side, timeouts: Timeouts, talk: Callable[[Any], Awaitable[None]]) -> None:
    """A WebSocket through both proxies to a server that says everything again."""

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async with websockets.asyncio.server.serve(echo, sock=side.socket()) as server:
        port = server.sockets[0].getsockname()[1]
        vip = await side.alias(await side.behind(port, timeouts=timeouts), timeouts=timeouts)
        sock = await side.bed.namespace.connected(vip, 80)
        try:
            await talk(await websockets.asyncio.client.connect(f"ws://{vip}/", sock=sock, proxy=None))
        except websockets.exceptions.InvalidStatus as refused:
            raise AssertionError(str(refused)) from refused


async def test_a_websocket_talks_on_beyond_the_request_time(rig: Rig) -> None:
    async def talk(connection: Any) -> None:
        for text in ("ahoy", "still here"):
            await connection.send(text)
            assert await connection.recv() == text
            await asyncio.sleep(0.3)
        await connection.close()

    async def scene(side: Side) -> None:
        await talking(side, Timeouts(300, 0.2), talk)

    await rig.proven(scene, without=in_managers(lambda manager: manager.ClearField("upgrade_configs")))


async def test_a_websocket_is_closed_without_a_wait(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        async def talk(connection: Any) -> None:
            began = time.monotonic()
            await connection.close()
            assert time.monotonic() - began < 2.5

        await talking(side, HTTP, talk)

    def waiting(manager: Any) -> None:
        """Three times the second that Envoy waits where nothing is said, so that a busy machine is no wait."""
        manager.delayed_close_timeout.FromSeconds(3)

    await rig.proven(scene, without=in_managers(waiting))


async def test_events_arrive_one_by_one_while_the_stream_is_open(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        events = Events(count=3, more=asyncio.Semaphore(0))
        port = await side.listen(Script(events).serve)
        reader, writer = await side.connect(await side.alias(await side.behind(port)))
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        for number in range(3):
            assert events.more is not None
            events.more.release()
            await side.within(1, reader.readuntil(b"data: %d\n\n" % number))
        writer.close()

    await rig.holds(scene)


async def test_a_body_reaches_the_task_while_it_is_sent(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        arrived = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(4)
            arrived.set()
            await reader.readexactly(4)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        port = await side.listen(Script(answer).serve)
        reader, writer = await side.connect(await side.alias(await side.behind(port)))
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nahoy")
        try:
            await side.within(1, arrived.wait())
            writer.write(b"ahoy")
            assert b" 200 " in await reader.readline()
        finally:
            writer.close()

    await rig.proven(scene, without=in_managers(buffering))


def buffering(manager: Any) -> None:
    """Hold a request's body until it is whole."""
    held = HttpFilter(name="buffer")
    held.typed_config.Pack(Buffer(max_request_bytes=messages.u32(64 * MEGABYTE)))
    manager.http_filters.insert(0, held)


async def test_a_large_body_passes_both_ways_and_a_slow_task_holds_its_sender_back(rig: Rig) -> None:
    """48 MiB at a proxy that keeps 1 MiB of them; the kernels between hold some more."""

    async def scene(side: Side) -> None:
        reading = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reading.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (48 * MEGABYTE))
            for _ in range(48):
                writer.write(await reader.readexactly(MEGABYTE))
                await writer.drain()

        port = await side.listen(Script(answer).serve)
        before = side.private_kilobytes()
        reader, writer = await side.connect(await side.alias(port))
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (48 * MEGABYTE))
        sent = hashlib.sha256()

        async def send() -> None:
            for number in range(48):
                chunk = bytes([number]) * MEGABYTE
                sent.update(chunk)
                writer.write(chunk)
                await writer.drain()

        sending = asyncio.ensure_future(send())
        done, _ = await asyncio.wait([sending], timeout=0.5)
        grown = side.private_kilobytes() - before
        reading.set()
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        received = hashlib.sha256()
        for _ in range(48):
            received.update(await reader.readexactly(MEGABYTE))
        await sending
        writer.close()
        assert received.digest() == sent.digest()
        assert (bool(done), grown < 8 * 1024) == (False, True)

    without_limit = 2**31 - 1

    def hoard(holder: Any) -> None:
        holder.per_connection_buffer_limit_bytes.value = without_limit

    await rig.proven(scene, without=both(on_listeners(hoard), on_clusters(hoard)))


async def test_what_aws_adds_reaches_the_task(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await side.task()
        vip = await side.alias(task)
        await side.get(vip)
        await side.get(vip, x_request_id="mine", x_forwarded_for="192.0.2.1")
        first, second = task.seen
        assert (first["x-envoy-expected-rq-timeout-ms"], first["x-forwarded-proto"]) == ("15000", "http")
        assert first["host"] == vip
        assert len(first["x-request-id"]) == 36
        assert "x-forwarded-for" not in first
        assert (second["x-request-id"], second["x-forwarded-for"]) == ("mine", "192.0.2.1")

    def no_ids(manager: Any) -> None:
        manager.generate_request_id.value = False

    await rig.proven(by_key(scene), without=in_managers(no_ids))
    await rig.proven(by_key(scene), without=in_managers(quiet))


def quiet(manager: Any) -> None:
    """Add no x-envoy- headers."""
    router = Router(suppress_envoy_headers=True)
    manager.http_filters[-1].typed_config.Pack(router)


def by_key(scene: Any) -> Any:
    """A header that is not there is not what it should be."""

    async def play(side: Side) -> None:
        try:
            await scene(side)
        except KeyError as missing:
            raise AssertionError(f"no header {missing}") from missing

    return play


async def test_any_host_and_any_path_lead_to_the_alias(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await side.task()
        vip = await side.alias(task)
        for method, path, host in (("GET", "/a/../b?c=d", "elsewhere.example:81"), ("PROPFIND", "//", "x")):
            reader, writer = await side.connect(vip)
            writer.write(f"{method} {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            assert b" 200 " in await reader.readline()
            writer.close()
        assert [seen[":request"] for seen in task.seen] == ["GET /a/../b?c=d HTTP/1.1", "PROPFIND // HTTP/1.1"]
        assert [seen["host"] for seen in task.seen] == ["elsewhere.example:81", "x"]

    await rig.proven(scene, without=on_hosts(lambda host: host.domains.__setitem__(0, "name1")))


@pytest.mark.parametrize("protocol", [Protocol.HTTP2, Protocol.GRPC])
async def test_the_task_is_spoken_to_in_its_protocol_whatever_the_client_speaks(rig: Rig, protocol: Protocol) -> None:
    async def scene(side: Side) -> None:
        port = await side.listen(Streams(name="over h2").serve)
        vip = await side.alias(await side.behind(port, protocol), protocol=protocol)
        assert (await side.get(vip)).content == b"over h2"
        assert await ask_streams(*await side.connect(vip), 3) == ["200"] * 3

    def http1_instead(options: Any) -> None:
        options.explicit_http_config.http_protocol_options.SetInParent()

    await rig.proven(scene, without=on_upstream_options(http1_instead))


async def test_a_client_may_speak_http_2_to_http(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        task = await side.task()
        vip = await side.alias(await side.behind(task.port))
        statuses = []
        with contextlib.suppress(ConnectionError):
            statuses = await side.within(1, ask_streams(*await side.connect(vip), 3))
        assert statuses == ["200"] * 3

    await rig.proven(scene, without=in_managers(lambda manager: setattr(manager, "codec_type", manager.HTTP1)))


async def test_tcp_is_carried_as_it_is_and_tried_on_three_tasks(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x00hello first\xff")
            writer.write(await reader.read())
            writer.close()

        port = await side.listen(greet)
        tcp = {"protocol": Protocol.TCP, "timeouts": Timeouts(3600, None)}
        vip = await side.alias(side.closed(), side.closed(), await side.behind(port, **tcp), **tcp)
        for _ in range(3):
            reader, writer = await side.connect(vip)
            assert await reader.read(13) == b"\x00hello first\xff"
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            writer.write_eof()
            assert await reader.read() == b"GET / HTTP/1.0\r\n\r\n"
            writer.close()

    def once(proxy: Any) -> None:
        proxy.max_connect_attempts.value = 1

    await rig.proven(scene, without=in_tcp_proxies(once))
