"""What is read from Envoy's statistics: the requests, bytes and durations that really passed."""

import re

import pytest

from moorage.engine.metrics import FILTER, Measured, series

pytestmark = pytest.mark.namespaces

OUT = {"direction": "egress", "target_discovery_name": "name1"}
IN = {"direction": "ingress", "discovery_name": "name1"}


async def counted(bed, task_id: str, prefixes) -> dict[str, float]:
    text = await bed.hub.statistics(task_id, FILTER)
    lines = [line for _, line in series(Measured(task_id, {"task": task_id}, prefixes), text)]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def timed(bed, task_id: str, prefixes, name: str) -> dict[str, float] | None:
    found = await counted(bed, task_id, prefixes)
    return found if name in found else None


async def test_requests_are_counted_on_both_sides_by_class_and_timed(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("app", 5000))
    await bed.proxy(world.server("server", (15010, 5000)))
    await bed.proxy(world.client(world.alias(1, 15010)))
    for status in (200, 200, 404):
        app.status = status
        assert (await bed.get("http://127.255.0.1/")).status == status
    for task, prefixes, labels in (
        ("client", {"egress/name1~ns~80": OUT}, 'direction="egress",target_discovery_name="name1"'),
        ("server", {"ingress-port0": IN, "ingress/port0": IN}, 'direction="ingress",discovery_name="name1"'),
    ):
        told = f'task="{task}",{labels}'
        # Envoy brings its histograms together after it has answered: they are one answer behind.
        count = f"moorage_request_duration_milliseconds_count{{{told}}}"
        found = await bed.until(lambda ask=(task, prefixes), name=count: timed(bed, *ask, name))
        assert found[f'moorage_requests_total{{{told},response_class="2xx"}}'] == 2
        assert found[f'moorage_requests_total{{{told},response_class="4xx"}}'] == 1
        assert found[f"moorage_received_bytes_total{{{told}}}"] > 0
        assert found[count] == 3
        assert found[f'moorage_request_duration_milliseconds_bucket{{{told},le="+Inf"}}'] == 3


async def test_tcp_is_counted_by_connections_and_bytes(bed, world):
    import asyncio

    bed.namespace.redirect(15001)

    async def echo(reader, writer):
        writer.write(await reader.readexactly(7))
        writer.close()

    await bed.listen(5000, echo)
    tcp = {"protocol": world.Protocol.TCP, "timeouts": world.TCP}
    await bed.proxy(world.client(world.alias(1, 5000, **tcp)))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.255.0.1", 80))
    writer.write(b"moorage")
    assert await reader.read() == b"moorage"
    writer.close()
    found = await counted(bed, "client", {"egress/name1~ns~80": OUT})
    by_name = {re.sub(r"\{.*", "", name): value for name, value in found.items()}
    assert by_name == {
        "moorage_connections_total": 1,
        "moorage_received_bytes_total": 7,
        "moorage_sent_bytes_total": 7,
    }
