"""Servers that misbehave on purpose, or speak what an ordinary HTTP/1.1 server does not; each one does one thing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, ResponseReceived
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Script:
    """Reads the head of a request and does what `answer` says, then closes; counts what it was asked."""

    answer: Serve
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.answer(reader, writer)
        writer.close()


async def no_answer(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """The connection ends under the request."""


async def half_an_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection ends after the head and the first half of the body."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf-")
    await writer.drain()


@dataclass
class Events:
    """Server-sent events: `count` of them, the next one when `more` is released, or every `pause` seconds."""

    count: int
    pause: float = 0.0
    more: asyncio.Semaphore | None = None

    async def __call__(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in range(self.count):
            await (asyncio.sleep(self.pause) if self.more is None else self.more.acquire())
            event = f"data: {number}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


@dataclass
class Streams:
    """HTTP/2 with prior knowledge: answers with its name, once all that it waits for have arrived.

    `refuse`: how many streams it refuses first. `gather`: how many must be there before any is answered. `leave`: says
    GOAWAY under the first stream and takes no other on that connection; "before" that stream, which it will not
    serve, "after" it, which it still answers, or "mid" the answer: the connection breaks where the answer was due.
    """

    name: str = "h2"
    refuse: int = 0
    gather: int = 1
    leave: str = ""
    asked: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = H2Connection(H2Configuration(client_side=False))
        # Envoy sends before it has heard how many streams are allowed; h2 would break the connection over the 101st.
        talk.local_settings = Settings(client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: 10_000})
        talk.initiate_connection()
        writer.write(talk.data_to_send())
        answering = []
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                for event in talk.receive_data(data):
                    if isinstance(event, RequestReceived):
                        answering.append(asyncio.ensure_future(self._answer(talk, event.stream_id, writer)))
                writer.write(talk.data_to_send())
        for each in answering:
            each.cancel()
        writer.close()

    async def _answer(self, talk: H2Connection, stream: int, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        if self.asked <= self.refuse:
            talk.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            writer.write(talk.data_to_send())
            return
        if self.leave and self.asked == 1:
            goodbye = GoAwayFrame(last_stream_id=0 if self.leave == "before" else stream)
            writer.write(talk.data_to_send() + goodbye.serialize())
            if self.leave != "after":
                writer.close()
                return
        if self.asked >= self.gather:
            self.enough.set()
        await self.enough.wait()
        talk.send_headers(stream, [(":status", "200")])
        talk.send_data(stream, self.name.encode(), end_stream=True)
        writer.write(talk.data_to_send())


async def ask_streams(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, content_type: str = "text/plain"
) -> list[str]:
    """Ask that many times at once over one HTTP/2 connection; the statuses, up to the first that is not 200.

    An answer that begins with a status of gRPC counts by that.
    """
    talk = H2Connection(H2Configuration(header_encoding="utf-8"))
    talk.initiate_connection()
    writer.write(talk.data_to_send())
    for _ in range(count):
        asked = {":method": "POST", ":path": "/", ":scheme": "http", ":authority": "a", "content-type": content_type}
        talk.send_headers(talk.get_next_available_stream_id(), list(asked.items()), end_stream=True)
    writer.write(talk.data_to_send())
    statuses: list[str] = []
    while len(statuses) < count and set(statuses) <= {"200"} and (data := await reader.read(65536)):
        answers = [dict(event.headers) for event in talk.receive_data(data) if isinstance(event, ResponseReceived)]
        statuses += [answer.get("grpc-status", answer[":status"]) for answer in answers]
        writer.write(talk.data_to_send())
    writer.close()
    return statuses
