"""Two sides of one namespace, each a client's and a server's proxy: one as the product configures it, one edited.

A scene is played on both at once. It must hold on the product's side and fail on the other, from which the policy that
it is about was taken.
"""

import asyncio
import itertools
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpcore
from bed import HTTP, Application, Bed
from policies.edits import Edit, both, edited, nothing

from moorage.mesh import names
from moorage.mesh.configuration import bundle_of
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View

Scene = Callable[["Side"], Awaitable[None]]
HERE, THERE = "us-east-1a", "us-east-1b"
ports = itertools.count(20000)
numbers = itertools.count(1)


class Refused(Exception):
    """A proxy did not take a configuration: the scene says nothing about the policy then."""


class Side:
    """One client's proxy, whose aliases are in 127.`second`.0.0/16, and one server's.

    `patience` is how many times longer than they say its waits last: a side on which they must not end in vain has
    patience with a busy machine, the other none.
    """

    def __init__(self, bed: Bed, name: str, second: int, patience: int = 1) -> None:
        self.bed = bed
        self.second = second
        self.patience = patience
        self.edit: Edit = nothing
        self._client = View(f"{name}-client", "set", "us-east-1", HERE, 15000 + second, (), ())
        self._server = View(f"{name}-server", "set", "us-east-1", HERE, 16000 + second, (), ())

    async def start(self) -> None:
        self.bed.namespace.redirect(self._client.egress_port, self.second)
        await asyncio.gather(self.bed.proxy(self._client), self.bed.proxy(self._server))

    def begin(self, edit: Edit) -> None:
        """A new scene: what was published before goes with the next publication."""
        self.edit = edit
        self._client = replace(self._client, upstreams=(), siblings=())
        self._server = replace(self._server, ingress=())

    # --- what is there ---

    async def task(self, **more: Any) -> Application:
        """An HTTP/1.1 application without a proxy of its own; its name is its port."""
        port = next(ports)
        return await self.bed.application(Application(str(port), port, **more))

    async def tasks(self, count: int, **more: Any) -> list[Application]:
        return [await self.task(**more) for _ in range(count)]

    async def listen(self, serve: Callable[..., Awaitable[None]]) -> int:
        """A server of the scene's own; returns its port."""
        port = next(ports)
        await self.bed.listen(port, serve)
        return port

    def socket(self) -> socket.socket:
        """A listening socket of the namespace, for a server that brings its own loop."""
        return self.bed.namespace.listening(next(ports))

    @staticmethod
    def closed() -> int:
        """A port on which nobody listens."""
        return next(ports)

    async def deaf(self) -> int:
        """A port that neither takes a connection nor refuses one: its queue is full."""
        port = next(ports)
        listening = self.bed.namespace.listening(port, backlog=0)
        self.bed.keep(listening, await self.bed.namespace.connected("127.0.0.1", port))
        return port

    async def behind(self, port: int, protocol: Protocol = Protocol.HTTP, timeouts: Timeouts = HTTP) -> int:
        """Put the server's proxy before a port; returns where it listens."""
        listener = next(ports)
        ingress = Ingress(f"port{listener}", listener, port, protocol, timeouts)
        self._server = replace(self._server, ingress=(*self._server.ingress, ingress))
        await self._publish(self._server, DEFAULT)
        return listener

    async def alias(
        self,
        *servers: Application | int | Endpoint,
        protocol: Protocol = Protocol.HTTP,
        timeouts: Timeouts = HTTP,
        siblings: Sequence[str] = (),
        policies: Policies = DEFAULT,
    ) -> str:
        """An alias with those endpoints, port 80; returns its address. `siblings`: zones of the caller's own tasks."""
        number = next(numbers)
        vip = f"127.{self.second}.{number >> 8}.{number & 255}"
        endpoints = tuple(_endpoint(each) for each in servers)
        alias = Upstream("ns", f"name{number}", f"name{number}", 80, vip, protocol, timeouts, endpoints)
        own = tuple(Endpoint(f"own{n}", f"100.64.9.{n}", 1, zone) for n, zone in enumerate(siblings, 1))
        self._client = replace(self._client, upstreams=(*self._client.upstreams, alias), siblings=own)
        await self._publish(self._client, policies)
        return vip

    # --- how it is asked ---

    @asynccontextmanager
    async def pool(self, **more: Any) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        async with self.bed.client(**more) as made:
            yield made

    async def get(self, vip: str, path: str = "/", method: str = "GET", **headers: str) -> httpcore.Response:
        """One request over a connection of its own."""
        async with self.pool() as pool:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await pool.request(method, f"http://{vip}{path}", headers=named)

    async def answers(self, vip: str, count: int) -> list[str]:
        """The bodies of that many requests, one after the other over one connection; "503" for that status."""
        async with self.pool() as pool:
            found = [await pool.request("GET", f"http://{vip}/") for _ in range(count)]
        return [each.content.decode() if each.status == 200 else str(each.status) for each in found]

    async def within(self, seconds: float, what: Awaitable[Any]) -> Any:
        """Assert that it ends in that time."""
        try:
            return await asyncio.wait_for(what, seconds * self.patience)
        except TimeoutError:
            raise AssertionError(f"not over within {seconds} s") from None

    async def connect(self, vip: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=await self.bed.namespace.connected(vip, 80))

    async def soon(self, fact: Callable[[], Awaitable[Any]], within: float = 0.6) -> None:
        """Assert that the fact becomes true."""
        deadline = time.monotonic() + within * self.patience
        while not await fact():
            assert time.monotonic() < deadline, f"not within {within} s"
            await asyncio.sleep(0.05)

    # --- what its Envoy says ---

    async def held(self, kind: str, member: str) -> list[dict[str, Any]]:
        """The client's aliases as Envoy holds them: `kind` is a list of its config_dump, `member` what is in each.

        Those alone that it has now: what an earlier scene had may be on its way out still.
        """
        told = json.loads(await self._told("config"))
        found = [each[member] for section in told["configs"] for each in section.get(kind, [])]
        present = {names.upstream(each) for each in self._client.upstreams}
        return [each for each in found if each["name"] in present]

    async def managers(self) -> list[dict[str, Any]]:
        """How the client's proxy speaks HTTP with its program: the connection manager of each alias."""
        sections = json.loads(await self._told("config"))["configs"]
        listeners = [
            each["active_state"]["listener"] for part in sections for each in part.get("dynamic_listeners", [])
        ]
        chains = [chain for each in listeners for chain in each.get("filter_chains", [])]
        return [each["typed_config"] for chain in chains for each in chain["filters"] if "rds" in each["typed_config"]]

    def timers(self, port: int) -> list[tuple[int, int]]:
        """Of each connection to a port: the kernel's timer (2: of a keepalive) and when it ends, in hundredths."""
        lines = Path(f"/proc/{self.bed.pid(self._client.node_id)}/net/tcp").read_text().splitlines()[1:]
        to_port = [line.split()[5] for line in lines if line.split()[2].endswith(f":{port:04X}")]
        return [(int(kind, 16), int(ends, 16)) for kind, ends in (each.split(":") for each in to_port)]

    async def counted(self, name: str) -> int:
        """A statistic of the last alias that was made, by its name below `cluster.<alias>.`."""
        last = self._client.upstreams[-1]
        full = f"cluster.{names.statistics(last.alias, last.alias_port)}.{name}"
        stats = json.loads(await self._told("stats"))["stats"]
        return next((each["value"] for each in stats if each.get("name") == full), 0)

    async def _told(self, about: str) -> str:
        told = await self.bed.hub.question(self._client.node_id, about)
        assert told is not None
        return told

    def private_kilobytes(self) -> int:
        return self.bed.private_kilobytes(self._client.node_id)

    async def _publish(self, view: View, policies: Policies) -> None:
        try:
            await self.bed.hand(view.node_id, edited(bundle_of(view, policies), self.edit))
        except AssertionError as late:
            raise Refused(str(late)) from late
        told: Any = self.bed.hub.explain(view.node_id)
        if refused := [books["refused"] for books in told["types"].values() if books["refused"]]:
            raise Refused(str(refused))


class Rig:
    """The product's side and the edited one."""

    def __init__(self, bed: Bed) -> None:
        self.kept = Side(bed, "kept", 255, patience=10)
        self.edited = Side(bed, "edited", 254)

    async def start(self) -> None:
        await asyncio.gather(self.kept.start(), self.edited.start())

    async def proven(self, scene: Scene, without: Edit, with_both: Edit = nothing) -> None:
        """The scene holds; the very same assertions fail once `without` took the policy out.

        `with_both` is applied to both sides, to make time go faster.
        """
        self.kept.begin(with_both)
        self.edited.begin(both(with_both, without))
        kept, removed = await asyncio.gather(scene(self.kept), scene(self.edited), return_exceptions=True)
        if kept is not None:
            raise kept
        assert isinstance(removed, AssertionError), f"without the policy it should have failed, but: {removed!r}"

    async def holds(self, scene: Scene) -> None:
        """For what no configuration could take away."""
        self.kept.begin(nothing)
        await scene(self.kept)


def at(server: Application | int, zone: str) -> Endpoint:
    """That server as a task in a zone."""
    return replace(_endpoint(server), zone=zone)


def _endpoint(server: Application | int | Endpoint) -> Endpoint:
    if isinstance(server, Endpoint):
        return server
    port = server if isinstance(server, int) else server.port
    return Endpoint(f"task{port}", "127.0.0.1", port, HERE)
