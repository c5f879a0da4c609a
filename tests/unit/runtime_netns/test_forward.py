"""The log driver of FireLens against a router that reads its protocol: late, away for a while, slow, not there."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import forward_protocol
from moorage.planning.actions import ContainerSpec, TaskSpec
from moorage.planning.container_settings import ContainerSettings, LogRoute
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.supervisor import forward
from moorage.runtime.supervisor.forward import Forwarder, Route

from .conftest import lines, until

ROUTE = Route("app-firelens-1", 1000, "one-0000000001", "app")


class Router:
    """Listens at the socket while it is `there`, and keeps what it was sent."""

    def __init__(self, place: Path) -> None:
        self.path = place / forward.SOCKET
        self.events: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self._listening: socket.socket | None = None
        self._connected: socket.socket | None = None

    def open(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self._listening.setblocking(False)

    async def accept(self) -> None:
        assert self._listening is not None
        self._connected, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(self._listening), 10)

    async def read(self, count: int) -> list[str]:
        """What is said by the next events, so many of them."""
        assert self._connected is not None
        data, found = b"", list[dict[str, Any]]()
        while len(found) < count:
            data += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._connected, 65536), 10)
            found = whole(data)
        self.events += found
        return [event["record"]["log"] for event in found]

    def close(self) -> None:
        for each in (self._connected, self._listening):
            if each is not None:
                each.close()
        self._connected = self._listening = None


def whole(data: bytes) -> list[dict[str, Any]]:
    found = []
    try:
        found.extend(forward_protocol.events(io.BytesIO(data)))
    except EOFError:  # the last one has not come as a whole yet
        return found
    return found


@pytest.fixture
async def router(place: Path) -> AsyncIterator[Router]:
    made = Router(place)
    yield made
    made.close()


Make = Callable[..., Forwarder]


@pytest.fixture
async def make(place: Path, said: list[str]) -> AsyncIterator[Make]:
    made: list[Forwarder] = []

    def one(limit: int = 1000) -> Forwarder:
        route = Route(ROUTE.tag, limit, ROUTE.container_id, ROUTE.container_name)
        made.append(Forwarder(route, partial(forward.connect, place), said.append))
        return made[-1]

    yield one
    for each in made:
        await each.finish(0)


@pytest.fixture
def said() -> list[str]:
    return []


def offer(forwarder: Forwarder, *words: str) -> None:
    for word in words:
        forwarder.offer(1700000000.25, "stdout", word.encode())


async def test_a_record_says_whose_it_is_and_when_to_the_nanosecond(router: Router, make: Make) -> None:
    router.open()
    forwarder = make()
    forwarder.offer(1700000000.25, "stderr", b"broken \xff text")
    await router.accept()
    await router.read(1)
    assert router.events == [
        {
            "tag": "app-firelens-1",
            "time": [1700000000, 250000000],
            "record": {
                "container_id": "one-0000000001",
                "container_name": "app",
                "source": "stderr",
                "log": "broken \N{REPLACEMENT CHARACTER} text",
            },
        }
    ]


async def test_what_is_written_before_the_router_is_there_waits_for_it(
    router: Router, make: Make, said: list[str]
) -> None:
    forwarder = make()
    offer(forwarder, "one", "two")
    await asyncio.sleep(0)
    router.open()
    offer(forwarder, "three")
    await router.accept()
    assert await router.read(3) == ["one", "two", "three"]
    await forwarder.finish(10)
    assert said == []


async def test_what_a_router_has_not_read_is_sent_again_to_its_successor(router: Router, make: Make) -> None:
    router.open()
    forwarder = make()
    offer(forwarder, "one")
    await router.accept()
    assert await router.read(1) == ["one"]
    offer(forwarder, "two", "three")
    router.close()
    offer(forwarder, "four")
    router.open()
    await router.accept()
    received = await router.read(3)
    while received[-1] != "four":
        received += await router.read(1)
    # What was read but not known to be may come once more; nothing is missing and the order holds.
    assert [word for word in received if word != "one"] == ["two", "three", "four"]


async def test_what_goes_beyond_the_limit_is_counted_and_said(router: Router, make: Make, said: list[str]) -> None:
    forwarder = make(limit=3)
    offer(forwarder, *"abcde")
    assert said == ["the log router does not keep up: lines are lost from here on"]
    router.open()
    await router.accept()
    assert await router.read(3) == ["a", "b", "c"]
    await forwarder.finish(10)
    assert said[1:] == ["2 lines did not reach the log router"]


async def test_what_no_router_ever_took_is_said_at_the_end(make: Make, said: list[str]) -> None:
    forwarder = make()
    offer(forwarder, "one", "two")
    await forwarder.finish(0)
    assert said == ["2 lines did not reach the log router"]


async def test_a_slow_router_gets_more_than_fits_into_its_socket(router: Router, make: Make) -> None:
    router.open()
    forwarder = make()
    words = [str(number) * 4000 for number in range(10, 400)]
    offer(forwarder, *words)
    await router.accept()
    assert await router.read(len(words)) == words
    await forwarder.finish(10)


def test_a_link_in_the_sockets_place_leads_nowhere(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as of_the_host:
        of_the_host.bind(str(place / "docker.sock"))
        of_the_host.listen()
        inside = place / "inside"
        inside.mkdir()
        for target in (str(place / "docker.sock"), "../docker.sock"):
            (inside / forward.SOCKET).symlink_to(target)
            with pytest.raises(OSError, match="open fluent"):
                forward.connect(inside)
            (inside / forward.SOCKET).unlink()
        (inside / forward.SOCKET).write_text("a file")
        with pytest.raises(ConnectionRefusedError):
            forward.connect(inside)


LISTENS = """
import socket
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind("/var/run/fluent.sock")
    listening.listen()
    connected, _ = listening.accept()
    while data := connected.recv(4096):
        print(data, flush=True)
"""


@pytest.mark.namespaces
@pytest.mark.parametrize("user", ["root", "1234"])
async def test_a_router_in_a_container_is_reached_by_its_socket_whoever_it_runs_as(
    runtime: NetnsRuntime, user: str
) -> None:
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    routes, sends = ContainerSettings(routes_logs=True), ContainerSettings(log_route=LogRoute("app-firelens-alpha", 10))
    router = ContainerSpec("alpha", "router", "plain", command=("python3", "-c", LISTENS), user=user, settings=routes)
    await runtime.start(ContainerSpec("alpha", "main", "plain", command=("echo", "a word"), settings=sends))
    await runtime.start(router)

    async def is_heard() -> bool:
        return "a word" in "".join(await lines(runtime, "alpha", "router"))

    await until(is_heard, "the line reached the router")
    assert await lines(runtime, "alpha") == ["a word"]
