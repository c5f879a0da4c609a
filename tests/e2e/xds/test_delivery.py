"""What reaches a real Envoy and when: refusals, new names, restarts of the daemon, the proxy's own state."""

import asyncio
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.namespaces


async def test_a_refused_resource_is_named_and_the_others_go_on(bed, world):
    await bed.application(world.Application("good", 16001))
    bed.namespace.redirect(15001)
    good = world.alias(1, 16001)
    await bed.proxy(world.client(good))
    # Envoy refuses an address that is none; nothing of ours would send one.
    endpoint = world.replace(world.alias(2, 16001).endpoints[0], address="not-an-address")
    bad = world.replace(world.alias(2), endpoints=(endpoint,))
    await bed.publish(world.client(good, bad, world.alias(3, 16001)))
    told = bed.hub.explain("client")["types"]["ClusterLoadAssignment"]
    assert "not-an-address" in told["refused"]["egress/name2.ns:80"]["reason"]
    assert list(told["refused"]) == ["egress/name2.ns:80"]
    for number in (1, 3):
        assert (await bed.get(f"http://127.255.0.{number}/")).content == b"good"
    await bed.publish(world.client(good, world.alias(2, 16001)))
    assert (await bed.get("http://127.255.0.2/")).content == b"good"
    assert not bed.hub.explain("client")["types"]["ClusterLoadAssignment"]["refused"]


async def test_a_new_name_never_answers_503_on_its_way_in(bed, world):
    bed.namespace.redirect(15001)
    await bed.application(world.Application("app", 16001))
    known = [world.alias(1, 16001)]
    await bed.proxy(world.client(*known))
    for number in range(2, 22):
        known.append(world.alias(number, 16001))
        bed.hub.publish("client", bed.bundle(world.client(*known)))
        # Until the listener knows the name its connections are closed; from then on every request is answered.
        while True:
            try:
                answer = await bed.get(f"http://127.255.0.{number}/")
            except bed.Broken:
                continue
            assert answer.status == 200, number
            break


async def test_a_name_without_tasks_answers_503_until_one_is_there(bed, world):
    bed.namespace.redirect(15001)
    await bed.application(world.Application("app", 16001))
    await bed.proxy(world.client(world.alias(1)))
    assert (await bed.get("http://127.255.0.1/")).status == 503
    await bed.publish(world.client(world.alias(1, 16001)))
    assert (await bed.get("http://127.255.0.1/")).status == 200


async def test_an_endpoint_is_gone_only_when_the_proxy_has_said_so(bed, world):
    bed.namespace.redirect(15001)
    await bed.proxy(world.client(world.alias(1, 16001)))
    assert bed.hub.endpoint_gone(["client", "stranger"], "127.0.0.1") == {"client"}
    bed.namespace.signal(bed.pid("client"), signal.SIGSTOP)
    bed.hub.publish("client", bed.bundle(world.client(world.alias(1))))
    assert bed.hub.endpoint_gone(["client"], "127.0.0.1") == {"client"}
    bed.namespace.signal(bed.pid("client"), signal.SIGCONT)
    await bed.until(lambda: asyncio.sleep(0, not bed.hub.endpoint_gone(["client"], "127.0.0.1")))


async def test_a_proxy_outlives_the_daemon_and_tells_the_next_what_it_holds(bed, world):
    bed.namespace.redirect(15001)
    await bed.application(world.Application("app", 16001))
    view = world.client(world.alias(1, 16001))
    await bed.proxy(view)
    await bed.hub.shut()
    assert (await bed.get("http://127.255.0.1/")).status == 200
    bed.renew_hub()
    assert bed.hub.endpoint_gone(["client"], "10.9.9.9") == {"client"}
    await bed.hub.open("client")
    assert bed.hub.endpoint_gone(["client"], "10.9.9.9") == {"client"}
    assert await bed.hub.ready("client")
    bed.hub.publish("client", bed.bundle(view))
    await bed.until(lambda: bed.settled("client"))
    assert not bed.hub.endpoint_gone(["client"], "10.9.9.9")
    assert bed.hub.endpoint_gone(["client"], "127.0.0.1") == {"client"}


async def test_a_socket_serves_only_the_proxy_of_its_task(bed, world):
    folder = await bed.hub.open("mine")
    stranger = world.client(world.alias(1, 16001), name="stranger")
    bed.hub.publish("mine", bed.bundle(stranger))
    bed.start(stranger, folder)
    log = bed.directory / "stranger.log"
    await bed.until(lambda: asyncio.sleep(0, log.exists() and "belongs to task mine" in log.read_text()))
    assert bed.hub.explain("mine")["connected"] is False


async def test_a_closed_proxy_leaves_no_socket(bed, world):
    await bed.proxy(world.server("server", (15010, 5000)))
    folder = Path(await bed.hub.open("server"))
    assert {each.name for each in folder.iterdir()} == {"xds.sock", "admin.sock"}
    bed.kill("server")
    await bed.hub.close("server")
    await bed.hub.close("server")
    assert not folder.exists()
    assert not await bed.hub.ready("server")
    assert await bed.hub.in_flight("server") is None


async def test_a_proxy_is_not_ready_before_it_has_been_told_everything(bed, world):
    view = world.server("server", (15010, 5000))
    folder = await bed.hub.open("server")
    bed.start(view, folder)
    await bed.until(lambda: bed.connected("server"))
    assert not await bed.hub.ready("server")
    bed.hub.publish("server", bed.bundle(view))
    await bed.until(lambda: bed.hub.ready("server"))


async def test_a_proxy_that_has_nothing_to_know_is_ready(bed, world):
    early = world.client()
    bed.hub.publish("client", bed.bundle(early))
    bed.start(early, await bed.hub.open("client"))
    await bed.until(lambda: bed.hub.ready("client"))


async def test_a_port_that_is_taken_makes_the_proxy_unready_and_says_so(bed, world):
    taken = bed.namespace.listening(15010)
    view = world.server("server", (15010, 5000), (15011, 5001))
    bed.start(view, await bed.hub.open("server"))
    bed.hub.publish("server", bed.bundle(view))
    refused = await bed.until(lambda: bed.refused("server", "Listener"))
    assert list(refused) == ["ingress-port0"]
    assert "15010" in refused["ingress-port0"]["reason"]
    assert not await bed.hub.ready("server")
    taken.close()


async def test_an_idle_proxy_keeps_little_memory_for_itself(bed, world):
    known = [world.alias(number, 16001, 16002) for number in range(1, 11)]
    await bed.proxy(world.replace(world.client(*known), ingress=world.server("x", (15010, 5000)).ingress))
    private = bed.private_kilobytes("client")
    print(f"private memory of an idle proxy that knows 10 names: {private} kB")
    assert private < 20_000
