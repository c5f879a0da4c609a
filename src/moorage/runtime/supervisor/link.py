"""The daemon's end of the supervisor's socket: starts a supervisor when none answers, pairs answers with requests.

Part of the daemon's process, not of the supervisor's. Errors of the protocol come out as Refused; a supervisor that
went away fails what was asked of it, and the next request finds or starts another.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage.runtime.supervisor import protocol, readiness
from moorage.runtime.supervisor.environment import child_environment
from moorage.runtime.supervisor.protocol import Message, Refused

_ALREADY_RUNS = 3
_START = 60.0
_ANSWER = 10.0
"""Seconds to connect and hear the first line."""

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Launch:
    """How the supervisor of this instance is started."""

    run_dir: Path
    state_dir: Path
    instance: str
    pool: str | None
    root_size: int | None

    def command(self) -> list[str]:
        """The program and its options."""
        options = {
            "--run-dir": str(self.run_dir),
            "--state-dir": str(self.state_dir),
            "--instance": self.instance,
            "--pool": self.pool,
            "--root-size": self.root_size,
        }
        given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        return [sys.executable, "-P", "-m", "moorage.runtime.supervisor", *given]


class AnotherVersion(Refused):
    """A supervisor answers that an older or a newer Moorage started."""


class Link:
    """One connection, made when first needed. `heard` is told of a task, `left` that the supervisor hung up."""

    def __init__(self, launch: Launch, heard: Callable[[str], None], left: Callable[[], None]) -> None:
        self._launch = launch
        self._heard = heard
        self._left = left
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None

    async def call(self, operation: str, **arguments: Any) -> tuple[Message, list[int]]:
        """The answer to one request and its descriptors. Refused."""
        connection = await self._connected()
        return await connection.call({"op": operation, **arguments})

    async def running(self) -> bool:
        """Whether a supervisor answers now; starts none."""
        async with self._connecting:
            if self._connection is None or self._connection.lost:
                self._connection = await self._connect()
            return self._connection is not None

    @property
    def present(self) -> bool:
        """Whether there is a connection now; one that is lost is made again by the next call."""
        return self._connection is not None and not self._connection.lost

    async def lost(self) -> None:
        """Return when the present connection is gone; at once when there is none."""
        if self._connection is not None:
            await self._connection.gone.wait()

    async def end(self) -> None:
        """Have the supervisor end everything, and wait until its process is gone: nothing of it is left then."""
        if not await self.running() and not (self._launch.run_dir / protocol.SOCKET).exists():
            return
        # A socket at which nobody answers is what a killed supervisor left: a new one knows what else there is.
        hello = await (await self._connected()).hello
        process = os.pidfd_open(hello["pid"])
        try:
            await self.call("shutdown")
            await readiness.readable(process)
        finally:
            os.close(process)

    def close(self) -> None:
        """Hang up; the supervisor goes on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connected(self) -> "_Connection":
        async with self._connecting:
            if self._connection is None or self._connection.lost:
                self._connection = await self._connect()
            if self._connection is None:
                await self._start()
                self._connection = await self._connect()
            if self._connection is None:
                raise Refused("Unavailable", "the supervisor was started but does not answer")
            return self._connection

    async def _connect(self) -> "_Connection | None":
        loop = asyncio.get_running_loop()
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(connecting, str(self._launch.run_dir / protocol.SOCKET))
            connection = _Connection(connecting, self._heard, self._left)
            version = (await asyncio.wait_for(connection.hello, _ANSWER)).get("version")
        except (FileNotFoundError, ConnectionError):
            connecting.close()
            return None
        except TimeoutError as error:
            connection.close()
            raise Refused("Unavailable", "the supervisor does not answer") from error
        if version != protocol.VERSION:
            connection.close()
            raise AnotherVersion(
                "Unavailable",
                f"a supervisor of another version runs here (protocol {version}, not {protocol.VERSION}): stop it with "
                "the Moorage that started it",
            )
        return connection

    async def _start(self) -> None:
        # Complaints go to a file: a pipe's end comes only when nobody holds it any more, and the supervisor lives on.
        with tempfile.TemporaryFile() as complaints:
            # A session of its own: what ends the daemon's, Ctrl-C too, does not end the tasks.
            started = await asyncio.create_subprocess_exec(
                *self._launch.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                cwd="/",
                env=child_environment(),
            )
            try:
                code = await asyncio.wait_for(started.wait(), _START)
            except TimeoutError as error:
                started.kill()
                raise Refused("Unavailable", "the supervisor did not start in time") from error
            if code not in (0, _ALREADY_RUNS):
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip()
                raise Refused("Unavailable", said or "the supervisor did not start")


class _Connection:
    """Reads and writes on the event loop; one future per request."""

    def __init__(self, connected: socket.socket, heard: Callable[[str], None], left: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = connected
        self._heard = heard
        self._left = left
        self._buffer = b""
        self._descriptors: deque[int] = deque()
        self._waiting: dict[int, asyncio.Future[tuple[Message, list[int]]]] = {}
        self._number = 0
        self._sending = asyncio.Lock()
        self.hello: asyncio.Future[Message] = self._loop.create_future()
        self.gone = asyncio.Event()
        self._loop.add_reader(connected, self._arrived)

    @property
    def lost(self) -> bool:
        return self.gone.is_set()

    async def call(self, request: Message) -> tuple[Message, list[int]]:
        self._number += 1
        number = self._number
        answer: asyncio.Future[tuple[Message, list[int]]] = self._loop.create_future()
        self._waiting[number] = answer
        try:
            async with self._sending:
                await self._loop.sock_sendall(self._socket, protocol.encode({"id": number, **request}))
            return await answer
        except OSError as error:
            raise Refused("Unavailable", f"the supervisor went away: {error}") from error
        finally:
            self._waiting.pop(number, None)

    def close(self) -> None:
        if self.lost:
            return
        self.gone.set()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        trouble = Refused("Unavailable", "the supervisor went away")
        if not self.hello.done():
            self.hello.set_result({})
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(trouble)

    def _arrived(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _CHUNK, 16)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self._descriptors.extend(descriptors)
        if not data:
            self.close()
            self._left()
            return
        messages, self._buffer = protocol.split(self._buffer + data)
        for message in messages:
            self._take(message)

    def _take(self, message: Message) -> None:
        if "hello" in message:
            if not self.hello.done():
                self.hello.set_result(message)
        elif "event" in message:
            self._heard(message["task_id"])
        else:
            self._answer(message)

    def _answer(self, message: Message) -> None:
        descriptors = [self._descriptors.popleft() for _ in range(message.get("fds", 0))]
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
        elif "error" in message:
            answer.set_exception(Refused(message["error"]["kind"], message["error"]["reason"]))
        else:
            answer.set_result((message["ok"], descriptors))
