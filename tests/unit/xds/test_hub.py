"""The hub over its real socket, with a client that speaks the protocol by hand."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2

from moorage.mesh import names
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import Endpoint, Protocol, Timeouts, Upstream, View
from moorage.xds.hub import Hub, Inconsistent

Request = discovery_pb2.DeltaDiscoveryRequest


def view(*hosts: str, egress_port: int = 42000, twice: bool = False) -> View:
    endpoints = tuple(Endpoint("t", host, 80) for host in hosts)
    upstream = Upstream("ns", "n", "n", 80, "127.255.0.1", Protocol.HTTP, Timeouts(300, 15), endpoints)
    return View("task", "set", "us-east-1", "a", egress_port, (upstream,) * (2 if twice else 1), ())


@pytest.fixture
def directory() -> Iterator[Path]:
    # pytest's own folders are too deep for the path of a Unix socket.
    made = Path(tempfile.mkdtemp(prefix="hub-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def hub(directory: Path) -> AsyncIterator[Hub]:
    made = Hub(directory / "p")
    yield made
    await made.shut()


@asynccontextmanager
async def stream(folder: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(f"unix:{folder}/xds.sock") as channel:
        call = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources()
        yield call
        call.cancel()


async def ask(call: Any, type_url: str, *subscribe: str, node: str = "", nonce: str = "") -> None:
    request = Request(type_url=type_url, resource_names_subscribe=subscribe, response_nonce=nonce)
    request.node.id = node
    await call.write(request)


async def test_a_published_bundle_arrives_and_equal_content_is_not_news(hub: Hub) -> None:
    folder = await hub.open("task")
    hub.publish("task", bundle_of(view("10.0.0.1")))
    async with stream(folder) as call:
        await ask(call, names.CLUSTER, node="task")
        first = await call.read()
        assert [each.name for each in first.resources] == ["egress/n:80"]
        await ask(call, names.ENDPOINTS, "egress/n:80")
        second = await call.read()
        hub.publish("task", bundle_of(view("10.0.0.1")))
        await ask(call, names.ENDPOINTS, nonce=second.nonce)
        hub.publish("task", bundle_of(view("10.0.0.2")))
        third = await call.read()
        assert (third.type_url, third.resources[0].name) == (names.ENDPOINTS, "egress/n:80")


async def test_what_is_published_before_the_proxy_is_open_is_not_lost(hub: Hub) -> None:
    hub.publish("task", bundle_of(view("10.0.0.1")))
    async with stream(await hub.open("task")) as call:
        await ask(call, names.CLUSTER, node="task")
        assert [each.name for each in (await call.read()).resources] == ["egress/n:80"]


async def test_a_stranger_and_an_unknown_type_are_refused_by_name(hub: Hub) -> None:
    folder = await hub.open("task")
    async with stream(folder) as call:
        await ask(call, names.CLUSTER, node="stranger")
        with pytest.raises(grpc.aio.AioRpcError, match="belongs to task task, not to node 'stranger'"):
            await call.read()
    async with stream(folder) as call:
        await ask(call, "type.googleapis.com/envoy.Secret", node="task")
        with pytest.raises(grpc.aio.AioRpcError, match=r"envoy\.Secret are not served"):
            await call.read()


async def test_a_watcher_hears_when_a_proxy_answers_and_when_it_leaves(hub: Hub) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    hub.watch(heard.put_nowait)
    folder = await hub.open("task")
    hub.publish("task", bundle_of(view("10.0.0.1")))
    async with stream(folder) as call:
        await ask(call, names.CLUSTER, node="task")
        await asyncio.wait_for(heard.get(), 5)
        await ask(call, names.CLUSTER, nonce=(await call.read()).nonce)
        assert await asyncio.wait_for(heard.get(), 5) == "task"
    assert await asyncio.wait_for(heard.get(), 5) == "task"
    told = hub.explain("task")
    assert told is not None
    assert told["connected"] is False


async def test_a_bundle_that_does_not_fit_together_reaches_nobody(hub: Hub) -> None:
    await hub.open("task")
    with pytest.raises(Inconsistent, match=r"takes 127\.255\.0\.1:80 twice"):
        hub.publish("task", bundle_of(view(twice=True)))
    told = hub.explain("task")
    assert told is not None
    assert told["version"] is None


async def test_a_directory_left_by_an_earlier_daemon_counts_as_a_living_proxy(hub: Hub, directory: Path) -> None:
    left = directory / "p" / "task"
    left.mkdir(parents=True)
    (left / "xds.sock").touch()
    assert hub.endpoint_gone(["task"], "10.0.0.9") == {"task"}
    folder = await hub.open("task")
    assert hub.endpoint_gone(["task"], "10.0.0.9") == {"task"}
    async with stream(folder) as call:
        hub.publish("task", bundle_of(view("10.0.0.1")))
        await ask(call, names.CLUSTER, node="task")
        await call.read()
        assert hub.endpoint_gone(["task"], "10.0.0.9") == frozenset()
        assert hub.endpoint_gone(["task"], "10.0.0.1") == {"task"}


async def test_opening_and_closing_twice_change_nothing(hub: Hub, directory: Path) -> None:
    assert await hub.open("task") == await hub.open("task")
    await hub.close("task")
    await hub.close("task")
    assert list((directory / "p").iterdir()) == []
    assert hub.endpoint_gone(["task"], "10.0.0.1") == frozenset()
    assert hub.explain("task") is None


async def test_a_lost_stream_does_not_make_the_proxy_forget(hub: Hub) -> None:
    folder = await hub.open("task")
    hub.publish("task", bundle_of(view("10.0.0.1")))
    async with stream(folder) as call:
        await ask(call, names.CLUSTER, node="task")
        await ask(call, names.ENDPOINTS, "egress/n:80")
        await call.read()
        await call.read()
    hub.publish("task", bundle_of(view()))
    assert hub.endpoint_gone(["task"], "10.0.0.1") == {"task"}


async def test_who_waits_for_an_address_to_be_let_go_is_told_once_and_of_nothing_else(hub: Hub) -> None:
    folder = await hub.open("task")
    hub.publish("task", bundle_of(view("10.0.0.1", "10.0.0.2")))
    async with stream(folder) as call:
        await hold_everything(hub, call)
        heard: list[str] = []
        hub.watch(heard.append)
        for hosts in (("10.0.0.1",), ()):
            hub.publish("task", bundle_of(view(*hosts)))
            assert hub.endpoint_gone(["task"], "10.0.0.1") == {"task"}
            response = await call.read()
            await ask(call, names.ENDPOINTS, nonce=response.nonce)
            await acknowledged(hub, response.resources[0].version)
            assert heard == ([] if hosts else ["task"])
        assert hub.endpoint_gone(["task"], "10.0.0.1") == frozenset()


async def test_a_proxy_that_is_closed_has_let_everything_go(hub: Hub) -> None:
    await hub.open("task")
    hub.publish("task", bundle_of(view("10.0.0.1")))
    heard: list[str] = []
    hub.watch(heard.append)
    assert hub.endpoint_gone(["task"], "10.0.0.1") == {"task"}
    await hub.close("task")
    assert heard == ["task"]


async def hold_everything(hub: Hub, call: Any) -> None:
    """Take and acknowledge what there is, as Envoy does."""
    await ask(call, names.CLUSTER, node="task")
    await ask(call, names.LISTENER)
    for subscribe in (names.ENDPOINTS, names.ROUTE):
        await ask(call, subscribe, "egress/n:80")
    async with asyncio.timeout(5):
        for _ in names.TYPES:
            response = await call.read()
            await ask(call, response.type_url, nonce=response.nonce)
        while not (hub.explain("task") or {})["inPlace"]:  # noqa: ASYNC110  (only asking tells)
            await asyncio.sleep(0)


async def acknowledged(hub: Hub, version: str) -> None:
    async with asyncio.timeout(5):
        while version not in _acknowledged(hub):  # noqa: ASYNC110  (only asking tells)
            await asyncio.sleep(0)


def _acknowledged(hub: Hub) -> set[str]:
    told: Any = hub.explain("task")
    return set(told["types"]["ClusterLoadAssignment"]["acknowledged"].values())
