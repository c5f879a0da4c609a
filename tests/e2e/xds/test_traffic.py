"""What applications see beside the policies (tests/e2e/policies): unknown destinations, what is in flight, draining."""

import asyncio
import collections
import contextlib

import h2.connection
import hyperframe.frame
import pytest

pytestmark = pytest.mark.namespaces


async def test_the_only_task_is_never_ejected(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("app", 16001, status=500))
    await bed.proxy(world.client(world.alias(1, 16001)))
    assert [(await bed.get("http://127.255.0.1/")).content for _ in range(12)] == [b"app"] * 12
    assert len(app.seen) == 12


async def test_an_unknown_destination_is_closed_at_once(bed, world):
    bed.namespace.redirect(15001)
    await bed.proxy(world.client(world.alias(1, 16001)))
    for address in (("127.255.0.9", 80), ("127.255.0.1", 81)):
        connection = await bed.namespace.connected(*address)
        reader, writer = await asyncio.open_connection(sock=connection)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_tcp_is_carried_both_ways_and_counted_while_open(bed, world):
    bed.namespace.redirect(15001)

    async def echo(reader, writer):
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    await bed.listen(5000, echo)
    tcp = {"protocol": world.Protocol.TCP, "timeouts": world.TCP}
    await bed.proxy(world.server("server", (15010, 5000), **tcp))
    await bed.proxy(world.client(world.alias(1, 15999, 15010, **tcp)))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.255.0.1", 80))
    writer.write(b"moorage")
    assert await reader.readexactly(7) == b"MOORAGE"
    assert await bed.hub.in_flight("server") == 1
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await bed.until(lambda: bed.nothing_in_flight("server"))


async def test_in_flight_counts_requests_and_not_idle_connections(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("app", 5000, hold=asyncio.Event()))
    await bed.proxy(world.server("server", (15010, 5000)))
    await bed.proxy(world.client(world.alias(1, 15010)))
    async with bed.client() as pool:
        asking = asyncio.ensure_future(pool.request("GET", "http://127.255.0.1/"))
        await app.arrived.wait()
        from moorage.xds.admin import _IN_FLIGHT, Admin

        print(await Admin(bed.directory / "p" / "server" / "admin.sock")._stats(_IN_FLIGHT), app.seen)
        assert await bed.hub.in_flight("server") == 1
        app.hold.set()
        assert (await asking).status == 200
        await bed.until(lambda: bed.nothing_in_flight("server"))


async def test_a_draining_proxy_ends_what_it_has_and_says_goodbye(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("app", 5000, hold=asyncio.Event()))
    await bed.proxy(world.server("server", (15010, 5000)))
    async with bed.client() as pool:
        asking = asyncio.ensure_future(pool.request("GET", "http://127.0.0.1:15010/"))
        await app.arrived.wait()
        await bed.hub.drain("server")
        await bed.hub.drain("server")
        app.hold.set()
        answer = await asking
        assert (answer.status, dict(answer.headers)[b"connection"]) == (200, b"close")
        # Who has not heard yet is still served: the listener stays until the drain time is over.
        assert (await pool.request("GET", "http://127.0.0.1:15010/")).status == 200


async def test_a_draining_proxy_says_goodbye_over_http2(bed, world):
    await bed.application(world.Application("app", 5000))
    await bed.proxy(world.server("server", (15010, 5000)))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.0.0.1", 15010))
    talk = h2.connection.H2Connection()
    talk.initiate_connection()
    await bed.hub.drain("server")
    headers = {":method": "GET", ":path": "/", ":scheme": "http", ":authority": "a"}
    talk.send_headers(1, list(headers.items()), end_stream=True)
    writer.write(talk.data_to_send())
    writer.write(talk.data_to_send())
    # Read by hand: h2 takes no answer any more once it has heard the goodbye, which comes first.
    frames = set()
    body = b""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3]))
            frames.add(hyperframe.frame.FRAMES[head[3]].__name__)
            body += payload if head[3] == 0 else b""
    assert {"GoAwayFrame", "HeadersFrame", "DataFrame"} <= frames
    assert body == b"app"
    writer.close()


async def test_a_task_leaves_under_load_without_a_failed_request(bed, world):
    bed.namespace.redirect(15001)
    for number in (1, 2):
        await bed.application(world.Application(f"app{number}", 5000 + number))
        await bed.proxy(world.server(f"server{number}", (15010 + number, 5000 + number)))
    await bed.proxy(world.client(world.alias(1, 15011, 15012)))
    answers: collections.Counter[int] = collections.Counter()
    going = True

    async def load() -> None:
        async with bed.client() as pool:
            while going:
                answers[(await pool.request("GET", "http://127.255.0.1/")).status] += 1

    loads = [asyncio.ensure_future(load()) for _ in range(8)]
    await bed.until(lambda: asyncio.sleep(0, answers[200] > 200))
    await bed.publish(world.client(world.alias(1, 15012)))
    await bed.hub.drain("server1")
    await bed.until(lambda: bed.nothing_in_flight("server1"))
    bed.kill("server1")
    before = answers[200]
    await bed.until(lambda: asyncio.sleep(0, answers[200] > before + 200))
    going = False
    await asyncio.gather(*loads)
    assert set(answers) == {200}
