"""A session's stream: a WebSocket that speaks as SSM's agent does, with a program in a container behind it.

The token first, then the handshake, then input, sizes and output, each acknowledged. What a client does not
acknowledge is sent again, as the agent does: AWS's plugin lets go of output that comes before its own handler is ready,
and waits for it. What a client sends again is acknowledged again and passed over; what comes early waits for its turn.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from moorage.api.exec_sessions import PATH, Session, Sessions
from moorage.engine.ports import Clock, Ids, RuntimeFailed
from moorage.wire import agent_message
from moorage.wire.agent_message import AgentMessage, Malformed, PayloadType

SIGN_ON_SECONDS: Final = 20.0
HANGS_UP_WITHIN: Final = 5.0
"""Seconds that a client has to acknowledge the last output, and again to hang up after the end."""
UNACKNOWLEDGED: Final = 200
"""Messages on their way to the client; a program that writes faster than its client reads has to wait."""
EARLY: Final = 1000
"""Messages of the client that may wait for one before them; further ones are not acknowledged, and come again."""
AGAIN_AFTER: Final = timedelta(seconds=0.25)
"""How long the oldest message waits for its acknowledgement until it is sent again (the agent's first value is 0.2)."""

TERMINATE: Final = 2
AGENT_VERSION: Final = "3.3.0.0"
OURS: Final = "moorage"
"""A client of this name is told the exit code, and may do without a terminal; others would print the one as text."""


class Guest(Protocol):
    """The program, as the runtime gives it."""

    async def read(self) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    def end_input(self) -> None: ...
    def resize(self, rows: int, columns: int) -> None: ...
    async def close(self) -> None: ...
    @property
    def wait(self) -> Callable[[], Awaitable[int]]: ...


class Attach(Protocol):
    """Runs a program inside a container. RuntimeFailed."""

    async def __call__(
        self, task_id: str, container: str, argv: Sequence[str], environment: Mapping[str, str], terminal: bool
    ) -> Guest: ...


class Refused(Exception):
    """The client did not keep to the protocol, or has no session."""


class DataChannels:
    """Serves the WebSocket route."""

    def __init__(self, sessions: Sessions, attach: Attach, clock: Clock, ids: Ids) -> None:
        self._sessions = sessions
        self._attach = attach
        self._clock = clock
        self._ids = ids

    async def serve(self, websocket: WebSocket) -> None:
        """One session from its token to its end."""
        await websocket.accept()
        channel = Channel(websocket, self._clock, self._ids)
        resending = asyncio.create_task(channel.resend())
        try:
            await self._session(websocket, channel)
        finally:
            await _end(resending)

    async def _session(self, websocket: WebSocket, channel: "Channel") -> None:
        try:
            async with asyncio.timeout(SIGN_ON_SECONDS):
                session, client = await self._sign_on(websocket)
                await channel.handshake()
        except (Refused, Malformed, TimeoutError, WebSocketDisconnect, KeyError):
            with suppress(RuntimeError):
                await websocket.close(1008)
            return
        await self._run(channel, session, client)

    async def _sign_on(self, websocket: WebSocket) -> tuple[Session, Mapping[str, Any]]:
        """The first message is text, and carries the token."""
        try:
            opening = json.loads(await websocket.receive_text())
        except ValueError as error:
            raise Refused("the first message is not JSON") from error
        token = opening.get("TokenValue") if isinstance(opening, dict) else None
        found = self._sessions.open(websocket.path_params["session"], token if isinstance(token, str) else "")
        if found is None:
            raise Refused("no session was granted for this token")
        return found, opening

    async def _run(self, channel: "Channel", session: Session, client: Mapping[str, Any]) -> None:
        ours = str(client.get("ClientVersion", "")).startswith(OURS)
        terminal = not (ours and client.get("Terminal") is False)
        try:
            environment = {"TERM": "xterm-256color"} if terminal else {}
            guest = await self._attach(session.task_id, session.container, session.argv, environment, terminal)
        except RuntimeFailed as refusal:
            await channel.close(session.id, f"{refusal.reason}\n", 126 if ours else None)
            return
        hearing = asyncio.create_task(channel.hear(guest))
        telling = asyncio.create_task(channel.tell(guest))
        try:
            await asyncio.wait({hearing, telling}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done() and not hearing.done():
                code = await guest.wait()
                await _end(hearing)
                await channel.close(session.id, "", code if ours else None)
        except (WebSocketDisconnect, RuntimeError, RuntimeFailed):
            pass  # the client or the supervisor has gone: there is nobody left to tell
        finally:
            await _end(hearing, telling)
            await guest.close()


def mounts(channels: DataChannels) -> dict[str, Starlette]:
    """The application for `Endpoint.mounts`."""
    return {PATH: Starlette(routes=[WebSocketRoute(PATH + "{session}", channels.serve)])}


@dataclass(frozen=True)
class _Sent:
    """A message of ours, and when it was sent last."""

    message: AgentMessage
    at: datetime


class Channel:
    """The messages of one session, numbered in both directions."""

    def __init__(self, websocket: WebSocket, clock: Clock, ids: Ids) -> None:
        self._websocket = websocket
        self._clock = clock
        self._ids = ids
        self._sent = 0
        self._expected = 0
        self._early: dict[int, AgentMessage] = {}
        self._unacknowledged: dict[int, _Sent] = {}
        self._room = asyncio.Semaphore(UNACKNOWLEDGED)

    async def handshake(self) -> None:
        """Ask for a session of interactive commands, and hear that the client can do it."""
        action = {"ActionType": "SessionType", "ActionParameters": {"SessionType": "InteractiveCommands"}}
        request = {"AgentVersion": AGENT_VERSION, "RequestedClientActions": [action]}
        began = self._clock.now()
        await self._stream(PayloadType.HANDSHAKE_REQUEST, _json(request))
        while (answer := await self._next_input()).payload_type != PayloadType.HANDSHAKE_RESPONSE:
            continue
        response = json.loads(answer.payload)
        if any(each.get("ActionStatus") != 1 for each in response.get("ProcessedClientActions", [{}])):
            raise Refused("the client cannot do what the session needs")
        took = int((self._clock.now() - began).total_seconds() * 1e9)
        await self._stream(
            PayloadType.HANDSHAKE_COMPLETE, _json({"HandshakeTimeToComplete": took, "CustomerMessage": ""})
        )

    async def hear(self, guest: Guest) -> None:
        """Pass on what the client sends, until it goes or asks for the end."""
        with suppress(WebSocketDisconnect, RuntimeError, Malformed):
            while True:
                message = await self._next_input()
                if message.payload_type == PayloadType.SIZE:
                    _resize(guest, message.payload)
                elif message.payload_type == PayloadType.FLAG and _flag(message.payload) == TERMINATE:
                    return
                elif message.payload_type == PayloadType.OUTPUT and message.payload:
                    await guest.write(message.payload)
                elif message.payload_type == PayloadType.OUTPUT:
                    guest.end_input()

    async def tell(self, guest: Guest) -> None:
        """Pass on what the program writes, until it writes no more."""
        while data := await guest.read():
            await self._stream(PayloadType.OUTPUT, data)

    async def close(self, session: str, output: str, code: int | None) -> None:
        """Say that the session is over, and with what. A client that hangs up by itself has read everything."""
        if code is not None:
            await self._stream(PayloadType.EXIT_CODE, str(code).encode())
        with suppress(TimeoutError):
            async with asyncio.timeout(HANGS_UP_WITHIN):
                while self._unacknowledged:
                    await self._next()
        now = self._clock.now()
        closed = {
            "MessageType": agent_message.CHANNEL_CLOSED,
            "MessageId": self._ids.uuid(),
            "DestinationId": "",
            "SessionId": session,
            "SchemaVersion": agent_message.SCHEMA_VERSION,
            "CreatedDate": now.isoformat(),
            "Output": output,
        }
        await self._send(AgentMessage(agent_message.CHANNEL_CLOSED, self._id(), flags=3, payload=_json(closed)))
        with suppress(TimeoutError, Malformed):
            async with asyncio.timeout(HANGS_UP_WITHIN):
                while True:
                    await self._next()
        await self._websocket.close()

    async def resend(self) -> None:
        """Send the oldest message again for as long as it is not acknowledged, until cancelled or the client goes."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await asyncio.sleep(AGAIN_AFTER.total_seconds())
                oldest = next(iter(self._unacknowledged), None)
                now = self._clock.now()
                if oldest is not None and now - self._unacknowledged[oldest].at >= AGAIN_AFTER:
                    message = self._unacknowledged[oldest].message
                    self._unacknowledged[oldest] = _Sent(message, now)
                    await self._send(message)

    async def _next_input(self) -> AgentMessage:
        """The next message of the client's stream."""
        while (message := self._early.pop(self._expected, None)) is None:
            await self._next()
        self._expected += 1
        return message

    async def _next(self) -> None:
        """Take one message: an acknowledgement, or one of the client's stream that waits for its turn."""
        message = agent_message.decode(await self._websocket.receive_bytes())
        if message.type == agent_message.ACKNOWLEDGE:
            if self._unacknowledged.pop(_acknowledged(message.payload), None) is not None:
                self._room.release()
        elif message.type == agent_message.INPUT and message.sequence < self._expected + EARLY:
            await self._acknowledge(message)
            if message.sequence >= self._expected:
                self._early[message.sequence] = message

    async def _acknowledge(self, message: AgentMessage) -> None:
        content = {
            "AcknowledgedMessageType": message.type,
            "AcknowledgedMessageId": str(message.id),
            "AcknowledgedMessageSequenceNumber": message.sequence,
            "IsSequentialMessage": True,
        }
        await self._send(AgentMessage(agent_message.ACKNOWLEDGE, self._id(), flags=3, payload=_json(content)))

    async def _stream(self, kind: PayloadType, payload: bytes) -> None:
        await self._room.acquire()
        number, self._sent = self._sent, self._sent + 1
        flags = 1 if number == 0 else 0
        message = AgentMessage(agent_message.OUTPUT, self._id(), number, flags, kind, payload)
        self._unacknowledged[number] = _Sent(message, self._clock.now())
        await self._send(message)

    async def _send(self, message: AgentMessage) -> None:
        await self._websocket.send_bytes(agent_message.encode(message, self._clock.now()))

    def _id(self) -> UUID:
        return UUID(self._ids.uuid())


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _acknowledged(payload: bytes) -> int:
    """The number of the message that a client acknowledges. Malformed."""
    try:
        return int(json.loads(payload)["AcknowledgedMessageSequenceNumber"])
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed("the acknowledgement names no message") from error


def _resize(guest: Guest, payload: bytes) -> None:
    """A size that makes no sense leaves the terminal as it is."""
    with suppress(ValueError, KeyError, TypeError):
        size = json.loads(payload)
        rows, columns = int(size["rows"]), int(size["cols"])
        if 0 < rows < 65536 and 0 < columns < 65536:
            guest.resize(rows, columns)


def _flag(payload: bytes) -> int:
    return int.from_bytes(payload, "big") if len(payload) == 4 else 0


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
