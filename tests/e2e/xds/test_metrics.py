"""What is read from Envoy's statistics: the requests, bytes and durations that really passed."""

import asyncio

import pytest

from moorage.domain.traffic import EGRESS, INGRESS, Counts, Side
from moorage.mesh import counted

pytestmark = pytest.mark.namespaces

OUT, IN = Side(EGRESS, "name1", "http"), Side(INGRESS, "name1", "http")
SIDES = {"egress/name1~ns~80": OUT, "ingress-port0": IN, "ingress/port0": IN}


async def counts(bed, task_id: str, sides=None) -> dict[Side, Counts]:
    return counted.read(await bed.hub.statistics(task_id, counted.FILTER), sides or SIDES)


async def test_requests_are_counted_on_both_sides_by_class_and_timed(bed, world):
    bed.namespace.redirect(15001)
    app = await bed.application(world.Application("app", 5000))
    await bed.proxy(world.server("server", (15010, 5000)))
    await bed.proxy(world.client(world.alias(1, 15010)))
    for status in (200, 200, 404):
        app.status = status
        assert (await bed.get("http://127.255.0.1/")).status == status
    for task, side in (("client", OUT), ("server", IN)):
        found = (await counts(bed, task))[side]
        assert found.responses == {"2xx": 2, "4xx": 1}
        assert found.requests == 3
        assert found.received > 0
        assert found.sent > 0
        assert sum(count for _, count in found.durations) == 3
    assert (await counts(bed, "client"))[OUT].targets == 1


async def test_tcp_is_counted_by_connections_and_bytes(bed, world):
    bed.namespace.redirect(15001)

    async def echo(reader, writer):
        writer.write(await reader.readexactly(7))
        await reader.read()
        writer.close()

    await bed.listen(5000, echo)
    tcp = {"protocol": world.Protocol.TCP, "timeouts": world.TCP}
    await bed.proxy(world.client(world.alias(1, 5000, **tcp)))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.255.0.1", 80))
    writer.write(b"moorage")
    assert await reader.readexactly(7) == b"moorage"
    side = Side(EGRESS, "name1", "tcp")
    found = await counts(bed, "client", {"egress/name1~ns~80": side})
    assert found[side] == Counts({}, connections=1, active=1, received=7, sent=7, targets=1)
    writer.close()
