"""The way into a task: connections carried over the daemon's WebSocket route, and a relay that gives them an address.

A Relay listens on a Unix socket of this user, or on a TCP port, and opens one tunnel for each connection. HTTP clients
and browsers then need to know nothing of it. The daemon's side is `moorage.api.tunnel`.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from moorage.cli.address import Address
from moorage.cli.control import signature
from moorage.cli.failure import Failure

END = "end"
CHUNK = 65536
OPEN_SECONDS = 15.0


@dataclass(frozen=True)
class Way:
    """Into which task, to which port there; with `host`, as a program of the task connects to a name."""

    address: Address
    task: str
    port: int
    host: str | None = None

    @property
    def path(self) -> str:
        query = {"port": str(self.port)} | ({"host": self.host} if self.host else {})
        return f"/_moorage/dial/{self.task}?{urlencode(query)}"


class NotCarried(Failure):
    """The daemon or the runtime did not connect. `kind` names the runtime's refusal (`NameUnknown`), if it was one."""

    def __init__(self, what: str, why: str, kind: str = "") -> None:
        super().__init__(what, why)
        self.kind = kind


async def open_tunnel(way: Way) -> ClientConnection:
    """A connected tunnel; NotCarried with the runtime's reason."""
    url = way.address.url + way.path
    try:
        return await connect(
            "ws" + url.removeprefix("http"),
            additional_headers=signature(way.address, "GET", url),
            compression=None,
            max_size=None,
            open_timeout=OPEN_SECONDS,
            proxy=None,
        )
    except InvalidStatus as error:
        told = _told(error)
        why = told.get("message") or f"the daemon answered {error.response.status_code}"
        raise NotCarried(_destination(way), why, told.get("kind", "")) from error
    except (OSError, InvalidHandshake) as error:
        raise NotCarried(_destination(way), str(error) or type(error).__name__) from error


def _destination(way: Way) -> str:
    return f"{way.host}:{way.port}" if way.host else f"port {way.port} of task {way.task[:8]}"


def _told(error: InvalidStatus) -> dict[str, str]:
    """What the daemon said beside the status; nothing where it was not Moorage that answered."""
    try:
        document = json.loads(error.response.body or b"")
    except ValueError:
        return {}
    return {name: str(value) for name, value in document.items()} if isinstance(document, dict) else {}


@dataclass
class Relay:
    """Listens while it is entered. `failure` is the last reason why a connection could not be carried.

    `told` hears each of them.
    """

    way: Way
    listen_port: int | None = None
    told: Callable[[Failure], None] | None = None
    failure: NotCarried | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _path: str = ""

    @property
    def socket_path(self) -> str:
        return self._path

    async def __aenter__(self) -> "Relay":
        server = await self._listen()
        self._stack.callback(server.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _listen(self) -> asyncio.Server:
        if self.listen_port is not None:
            return await asyncio.start_server(self._accept, "127.0.0.1", self.listen_port)
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-"))
        self._path = str(Path(directory) / "relay.sock")
        return await asyncio.start_unix_server(self._accept, self._path)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with await open_tunnel(self.way) as tunnel:
                await _carry(tunnel, reader, writer)
        except NotCarried as error:
            self.failure = error
            if self.told is not None:
                self.told(error)
        except (ConnectionClosed, OSError):
            pass  # either side has gone: so has the connection
        finally:
            writer.close()


async def _carry(tunnel: ClientConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Both ways until both have ended; when one breaks, so does the other."""
    async with asyncio.TaskGroup() as ways:
        inward = ways.create_task(_inward(reader, tunnel))
        ways.create_task(_outward(tunnel, writer, inward))


async def _inward(reader: asyncio.StreamReader, tunnel: ClientConnection) -> None:
    with suppress(ConnectionClosed, ConnectionError):
        while chunk := await reader.read(CHUNK):
            await tunnel.send(chunk)
        await tunnel.send(END)


async def _outward(tunnel: ClientConnection, writer: asyncio.StreamWriter, inward: asyncio.Task[None]) -> None:
    """A tunnel that closes without an end was broken: then nothing more is read from this side either."""
    try:
        with suppress(ConnectionClosed, ConnectionError):
            while isinstance(message := await tunnel.recv(), bytes):
                writer.write(message)
                await writer.drain()
            writer.write_eof()
            return
    finally:
        if not writer.transport.is_closing() and tunnel.close_code is not None:
            inward.cancel()
            writer.transport.abort()
