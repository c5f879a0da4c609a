"""Name to name through two real Envoys: the client's egress and the server's ingress."""

import asyncio

import pytest

pytestmark = pytest.mark.namespaces


async def test_a_request_by_name_passes_both_proxies(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("one", 5000))
    await bed.proxy(world.server("server", (15010, 5000)))
    await bed.proxy(world.client(world.alias(1, 15010, port=5000)))
    answer = await bed.get("http://127.255.0.1:5000/path", host="server.hello-world.com:5000")
    assert (answer.status, answer.content) == (200, b"one")
    seen = app.seen[0]
    assert seen[":request"] == "GET /path HTTP/1.1"
    assert seen["host"] == "server.hello-world.com:5000"
    assert seen["x-envoy-expected-rq-timeout-ms"] == "15000"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-request-id"]


async def test_each_changed_endpoint_becomes_visible(bed, world):
    bed.namespace.redirect(15001)
    for port in (16001, 16002):
        await bed.application(world.Application(str(port), port))
    await bed.proxy(world.client(world.alias(1, 16001)))
    async with bed.client() as pool, asyncio.timeout(60):
        for round_ in range(40):
            port = (16002, 16001)[round_ % 2]
            await bed.publish(world.client(world.alias(1, port)))
            while (await pool.request("GET", "http://127.255.0.1/")).content != str(port).encode():
                pass
