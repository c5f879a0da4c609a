"""The client's end of an ExecuteCommand session: keyboard and screen on one side, the data channel on the other.

Speaks as AWS's session-manager-plugin does, and tells the daemon that it is Moorage's own: so it hears the exit code,
and needs no terminal where there is none.
"""

import asyncio
import fcntl
import json
import os
import signal
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from moorage import __version__
from moorage.cli.failure import Failure
from moorage.system import SystemClock, SystemIds
from moorage.wire import agent_message
from moorage.wire.agent_message import AgentMessage, PayloadType

CHUNK = 1024
OPEN_SECONDS = 15.0


@dataclass(frozen=True)
class Streams:
    """Descriptors of the caller: what is typed, and where output goes. A terminal only when both are one."""

    reading: int
    writing: int

    @property
    def terminal(self) -> bool:
        return os.isatty(self.reading) and os.isatty(self.writing)


async def run(url: str, token: str, streams: Streams) -> int:
    """Carry the session that the token opens to its end; the program's exit code."""
    try:
        connection = await connect(url, compression=None, max_size=None, open_timeout=OPEN_SECONDS, proxy=None)
    except (OSError, InvalidHandshake) as error:
        raise Failure("the session", str(error) or type(error).__name__) from error
    async with connection:
        client = _Client(connection, streams)
        await client.sign_on(token)
        with _raw(streams):
            return await client.carry()


class _Client:
    """One session's numbers and streams."""

    def __init__(self, connection: ClientConnection, streams: Streams) -> None:
        self._connection = connection
        self._streams = streams
        self._clock, self._ids = SystemClock(), SystemIds()
        self._sent = 0
        self._heard = 0
        self._outgoing: asyncio.Queue[tuple[PayloadType, bytes]] = asyncio.Queue()

    async def sign_on(self, token: str) -> None:
        """The token, as text; the handshake comes as the first messages of the stream."""
        opening = {
            "MessageSchemaVersion": "1.0",
            "RequestId": self._ids.uuid(),
            "TokenValue": token,
            "ClientId": self._ids.uuid(),
            "ClientVersion": f"moorage/{__version__}",
            "Terminal": self._streams.terminal,
        }
        await self._connection.send(json.dumps(opening))

    async def carry(self) -> int:
        """Both ways until the channel is closed."""
        sending = asyncio.create_task(self._send_all())
        try:
            return await self._receive_all()
        except ConnectionClosed as error:
            raise Failure("the session", "the connection was lost before the command ended") from error
        finally:
            sending.cancel()
            asyncio.get_running_loop().remove_reader(self._streams.reading)

    async def _receive_all(self) -> int:
        code = 0
        async for data in self._connection:
            message = agent_message.decode(data if isinstance(data, bytes) else data.encode())
            if message.type == agent_message.CHANNEL_CLOSED:
                sys.stderr.write(json.loads(message.payload).get("Output", ""))
                return code
            if message.type == agent_message.OUTPUT:
                await self._acknowledge(message)
                if message.sequence == self._heard:  # else the acknowledgement was late, and it came again
                    self._heard += 1
                    code = self._take(message, code)
        raise Failure("the session", "the daemon ended it before the command had ended")

    def _take(self, message: AgentMessage, code: int) -> int:
        if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            self._outgoing.put_nowait((PayloadType.HANDSHAKE_RESPONSE, _agreed(message.payload)))
        elif message.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            self._listen()
        elif message.payload_type == PayloadType.OUTPUT:
            _write(self._streams.writing, message.payload)
        elif message.payload_type == PayloadType.EXIT_CODE:
            return int(message.payload)
        return code

    def _listen(self) -> None:
        """From now on what is typed is sent, and the size of the window when it changes."""
        loop = asyncio.get_running_loop()
        if self._streams.terminal:
            self._tell_size()
            loop.add_signal_handler(signal.SIGWINCH, self._tell_size)
        try:
            loop.add_reader(self._streams.reading, self._typed)
        except OSError:  # a file: all of it is there
            while self._typed():
                continue

    def _typed(self) -> bool:
        data = os.read(self._streams.reading, CHUNK)
        self._outgoing.put_nowait((PayloadType.OUTPUT, data))
        if not data:
            asyncio.get_running_loop().remove_reader(self._streams.reading)
        return bool(data)

    def _tell_size(self) -> None:
        packed = fcntl.ioctl(self._streams.writing, termios.TIOCGWINSZ, bytes(8))
        rows, columns, _, _ = struct.unpack("HHHH", packed)
        size = json.dumps({"cols": columns, "rows": rows}).encode()
        self._outgoing.put_nowait((PayloadType.SIZE, size))

    async def _send_all(self) -> None:
        while True:
            kind, payload = await self._outgoing.get()
            number, self._sent = self._sent, self._sent + 1
            await self._send(AgentMessage(agent_message.INPUT, self._id(), number, 0, kind, payload))

    async def _acknowledge(self, message: AgentMessage) -> None:
        content = {
            "AcknowledgedMessageType": message.type,
            "AcknowledgedMessageId": str(message.id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        payload = json.dumps(content).encode()
        await self._send(AgentMessage(agent_message.ACKNOWLEDGE, self._id(), flags=3, payload=payload))

    async def _send(self, message: AgentMessage) -> None:
        await self._connection.send(agent_message.encode(message, self._clock.now()))

    def _id(self) -> UUID:
        return UUID(self._ids.uuid())


def _agreed(request: bytes) -> bytes:
    """Every action that is asked for is a session type, and this client can do it."""
    actions = json.loads(request).get("RequestedClientActions", [])
    done = [
        {"ActionType": action["ActionType"], "ActionStatus": 1, "ActionResult": None, "Error": ""} for action in actions
    ]
    return json.dumps({"ClientVersion": __version__, "ProcessedClientActions": done, "Errors": []}).encode()


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@contextmanager
def _raw(streams: Streams) -> Iterator[None]:
    """Every key goes to the program, Ctrl-C too; the terminal is as it was when the session has ended."""
    if not streams.terminal:
        yield
        return
    former = termios.tcgetattr(streams.reading)
    tty.setraw(streams.reading, termios.TCSADRAIN)  # what was typed already is kept
    try:
        yield
    finally:
        termios.tcsetattr(streams.reading, termios.TCSADRAIN, former)
