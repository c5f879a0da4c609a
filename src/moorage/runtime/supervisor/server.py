"""The supervisor's Unix socket: takes requests of its own user, passes them to `tasks`, sends answers and events.

Descriptors go along with the answer they belong to. Nothing is decided here but who may speak.
"""

import asyncio
import os
import socket
import struct
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from moorage.runtime.supervisor import protocol, readiness
from moorage.runtime.supervisor.protocol import Message, Refused

Answer = Message | tuple[Message, int] | tuple[Message, int, int]
Operation = Callable[[Message], Awaitable[Answer]]

_CHUNK = 256 * 1024


class Server:
    """The listening socket and the connections made to it."""

    def __init__(self, path: Path, facts: Message) -> None:
        self._loop = asyncio.get_running_loop()
        self._path = path
        self._facts = facts
        self._operations: dict[str, Operation] = {}
        self._connections: set[_Connection] = set()
        self._busy: set[asyncio.Task[None]] = set()

    def listen(self, operations: dict[str, Operation]) -> None:
        """Begin to answer."""
        self._operations = operations
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        listener.listen(64)
        self._loop.add_reader(listener, self._accept, listener)

    def notify(self, task_id: str) -> None:
        """Tell every client that something of the task changed."""
        for connection in self._connections:
            connection.announce(task_id)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError):
            accepted, _ = listener.accept()
            accepted.setblocking(False)
            if _user(accepted) != os.geteuid():
                accepted.close()
                return
            self._keep(self._serve(_Connection(accepted)))

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _serve(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        buffer = b""
        with suppress(ConnectionError, ValueError), connection.socket:
            await connection.send(protocol.hello(os.getpid(), self._facts))
            while data := await self._loop.sock_recv(connection.socket, _CHUNK):
                requests, buffer = protocol.split(buffer + data)
                for request in requests:
                    self._keep(self._answer(connection, request))
        self._connections.discard(connection)

    async def _answer(self, connection: "_Connection", request: Message) -> None:
        descriptors: list[int] = []
        reply: Message = {"id": request.get("id")}
        try:
            operation = self._operations.get(request.get("op", ""))
            if operation is None:
                raise Refused("Unavailable", f"the supervisor has no operation {request.get('op')!r}")
            answer = await operation(request)
            if isinstance(answer, tuple):
                reply["ok"], *descriptors = answer
                reply["fds"] = len(descriptors)
            else:
                reply["ok"] = answer
        except Refused as refused:
            reply["error"] = {"kind": refused.kind, "reason": refused.reason}
        except (OSError, KeyError, TypeError, ValueError) as error:
            traceback.print_exc(file=sys.stderr)
            reply["error"] = {"kind": "Unavailable", "reason": f"{type(error).__name__}: {error}"}
        try:
            with suppress(ConnectionError, OSError):
                await connection.send(reply, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


class _Connection:
    """One client: whole messages in order, events folded together while it does not read."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._events: dict[str, None] = {}
        self._announcing: asyncio.Task[None] | None = None

    async def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        async with self._sending:
            data = protocol.encode(message)
            if descriptors:
                data = data[await self._send_with(data, descriptors) :]
            await self._loop.sock_sendall(self.socket, data)

    def announce(self, task_id: str) -> None:
        self._events[task_id] = None
        if self._announcing is None or self._announcing.done():
            self._announcing = asyncio.ensure_future(self._announce())

    async def _announce(self) -> None:
        with suppress(ConnectionError, OSError):
            while self._events:
                task_id = next(iter(self._events))
                del self._events[task_id]
                await self.send({"event": "task", "task_id": task_id})

    async def _send_with(self, data: bytes, descriptors: Sequence[int]) -> int:
        while True:
            try:
                return socket.send_fds(self.socket, [data], list(descriptors))
            except BlockingIOError:
                await readiness.writable(self.socket)


def _user(connected: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return int(user)
