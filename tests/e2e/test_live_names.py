"""Live names: an endpoint that comes later reaches running tasks of a live service, and no others, and goes again."""

import asyncio
from collections.abc import Iterator

import pytest
from exposing import CLIENT, SERVER_PORT, exposed, exposing
from place import Place

from moorage.cli.address import Address
from moorage.cli.tunnel import Relay, Way

pytestmark = pytest.mark.namespaces

URL = "http://server.mesh.local:5000/"
LATER = "http://later.mesh.local/"


@pytest.fixture(scope="module")
def story(moorage: Place) -> Iterator[Place]:
    """A server, and two clients of it: one is live, the other as ECS has it."""
    moorage.define("server", SERVER_PORT)
    moorage.define("frozen")
    moorage.define("live")
    moorage.define("later", {**SERVER_PORT, "name": "later"})
    moorage.serve("server", 1, exposing(exposed("server", "server.mesh.local", 5000)))
    moorage.serve("frozen", 1, CLIENT)
    moorage.serve("live", 1, CLIENT, tags=[{"key": "moorage:names", "value": "live"}])
    moorage.stable("server", "frozen", "live")
    return moorage


async def asked_again_and_again(relay: Relay, place: Place, steps: list[str]) -> None:
    """One connection through the proxy of the live task, on which a request is answered after each step."""
    reader, writer = await asyncio.open_unix_connection(relay.socket_path)
    try:
        for step in ("", *steps):
            await asyncio.to_thread(STEPS[step], place)
            writer.write(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert b"connection: close" not in head.lower()
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
    finally:
        writer.close()


def comes(place: Place) -> None:
    place.serve("later", 1, exposing(exposed("later", "later.mesh.local", 80)))
    place.until(lambda: place.resolves("live", "later.mesh.local"), "the live task knows the name")
    assert not place.resolves("frozen", "later.mesh.local")
    place.stable("later")
    assert place.through("live", LATER).status == 200
    assert "(live)" in place.run("endpoints").stdout
    assert "live" in place.run("ps").stdout


def goes(place: Place) -> None:
    place.ecs.delete_service(cluster="demo", service="later", force=True)
    place.until(lambda: not place.resolves("live", "later.mesh.local"), "the live task forgets the name")
    assert place.through("live", URL).status == 200
    assert not place.resolves("frozen", "later.mesh.local")


STEPS = {"": lambda _place: None, "comes": comes, "goes": goes}


def test_a_later_name_comes_to_the_live_task_and_goes_while_its_connections_go_on(story: Place) -> None:
    (task,) = story.tasks("live")
    task_id = task["taskArn"].rsplit("/", 1)[1]
    way = Way(Address(story.url), task_id, 5000, "server.mesh.local")

    async def run() -> None:
        async with Relay(way) as relay:
            await asked_again_and_again(relay, story, ["comes", "goes"])

    asyncio.run(run())
    stats = story.run("proxy", "stats", "live").stdout
    updates = {line.split()[0]: line.split()[-1] for line in stats.splitlines() if "listener_manager" in line}
    assert int(updates["listener_manager.listener_in_place_updated"]) >= 2
    assert {each["taskArn"] for each in story.tasks("live")} == {task["taskArn"]}


def test_another_word_than_live_or_frozen_is_refused(story: Place) -> None:
    with pytest.raises(story.ecs.exceptions.InvalidParameterException, match="'moorage:names' is frozen or live"):
        story.serve("wrong", 0, CLIENT, taskDefinition="live", tags=[{"key": "moorage:names", "value": "on"}])
