"""What must not notice: open connections while names come and go, and neighbours while a task crashes."""

import asyncio
import collections
import json

import pytest

pytestmark = pytest.mark.namespaces


async def test_open_connections_do_not_notice_names_that_come_and_go(bed, world):
    bed.namespace.redirect(15001)

    async def echo(reader, writer):
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    await bed.listen(5000, echo)
    await bed.application(world.Application("app", 16001))
    tcp = world.alias(1, 5000, protocol=world.Protocol.TCP, timeouts=world.TCP)
    web = world.alias(2, 16001)
    await bed.proxy(world.client(tcp, web))
    reader, writer = await asyncio.open_connection(sock=await bed.namespace.connected("127.255.0.1", 80))
    async with bed.client() as pool:
        for known in ((tcp, web, world.alias(3, 16001)), (tcp, web), (tcp, web, world.alias(4, 16001))):
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
            assert (await pool.request("GET", "http://127.255.0.2/")).status == 200
            await bed.publish(world.client(*known))
            assert len(pool.connections) == 1
            assert not pool.connections[0].has_expired()
    # A task that leaves the rotation keeps the connections that it has.
    await bed.publish(world.client(world.replace(tcp, endpoints=()), web))
    writer.write(b"to the end")
    assert await reader.readexactly(10) == b"to the end"
    writer.close()


async def test_a_crash_costs_at_most_the_requests_that_the_task_held(bed, world):
    bed.namespace.redirect(15001)
    for number in (1, 2, 3):
        await bed.application(world.Application(f"app{number}", 5000 + number))
        await bed.proxy(world.server(f"server{number}", (15010 + number, 5000 + number)))
    await bed.proxy(world.client(world.alias(1, 15011, 15012, 15013)))
    answers: collections.Counter[int] = collections.Counter()
    going = True

    async def load() -> None:
        async with bed.client() as pool:
            while going:
                answers[(await pool.request("GET", "http://127.255.0.1/")).status] += 1

    clients = 8
    loads = [asyncio.ensure_future(load()) for _ in range(clients)]
    await bed.until(lambda: asyncio.sleep(0, answers[200] > 200))
    bed.kill("server1")
    before = answers[200]
    await bed.until(lambda: asyncio.sleep(0, answers[200] > before + 300))
    going = False
    await asyncio.gather(*loads)
    failed = sum(count for status, count in answers.items() if status != 200)
    print(f"failed by the crash: {failed} of {sum(answers.values())}, {clients} clients")
    assert failed <= clients


async def test_a_changed_endpoint_is_in_every_proxy_that_acknowledged_it(bed, world):
    clients = [f"client{number:02}" for number in range(8)]

    def view(number, *ports):
        return world.replace(world.client(world.alias(1, *ports), name=clients[number]), egress_port=15100 + number)

    async def known(name):
        """The ports of the alias's endpoints, as its Envoy lists them."""
        told = json.loads(await bed.hub.question(name, "endpoints"))["cluster_statuses"]
        hosts = [host for each in told if each["name"].startswith("egress/") for host in each.get("host_statuses", [])]
        return sorted(host["address"]["socket_address"]["port_value"] for host in hosts)

    for number in range(len(clients)):
        await bed.proxy(view(number, 16001))
    for ports in ((16001, 16002), (16002,), (), (16001,), (16001, 16002, 16003)):
        for number, name in enumerate(clients):
            bed.hub.publish(name, bed.bundle(view(number, *ports)))
        for name in clients:
            await bed.until(lambda name=name: bed.settled(name))
            assert await known(name) == list(ports)
