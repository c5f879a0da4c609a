"""Fire: every kind of traffic at once, until it is stopped, with a tally of each kind in which nothing is forgiven.

HTTP/1.1 and HTTP/2 clients ask in a closed loop; gRPC streams and TCP connections talk for `seconds` and are ended by
the client, so that one that ends otherwise was cut. Each pauses a little: what is tested shares its processors.
"""

import asyncio
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import load
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

PAUSE = 0.05
"""Between an answer and the next message."""

PATIENCE = 20
"""Seconds after which an answer does not come any more."""


@dataclass
class Burning:
    """A fire by kind: messages `said` that came back, talks `done`, and `failed`: at which server, how, how often."""

    ending: asyncio.Event = field(default_factory=asyncio.Event)
    said: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    clients: list[asyncio.Task[None]] = field(default_factory=list)
    http: load.Tally = field(default_factory=load.Tally)


burning: list[Burning] = []


async def start(query: dict[str, str]) -> str:
    """`host`; `http`, `http2`, `grpc` and `tcp`: PORT:CLIENTS; `seconds`: how long a stream lives."""
    fire = Burning()
    burning.append(fire)
    host, seconds = query["host"], float(query["seconds"])
    port, clients = _pair(query["http"])
    fire.http.last = asyncio.get_running_loop().time()
    for _ in range(clients):
        fire.clients.append(asyncio.create_task(load.client((host, port, "/"), fire.http, fire.ending, PAUSE)))
    for kind, talk in (("http2", _http2), ("grpc", _grpc), ("tcp", _tcp)):
        port, clients = _pair(query[kind])
        for _ in range(clients):
            fire.clients.append(asyncio.create_task(_client(fire, kind, talk, (host, port, seconds))))
    return "true"


def _pair(text: str) -> tuple[int, int]:
    port, _, clients = text.partition(":")
    return int(port), int(clients)


async def count(query: dict[str, str]) -> str:
    """How many messages of the kind that is the rarest came back."""
    fire = burning[-1]
    return json.dumps(min(fire.said["http2"], fire.said["grpc"], fire.said["tcp"], sum(fire.http.status.values())))


async def stop(query: dict[str, str]) -> str:
    fire = burning.pop()
    fire.ending.set()
    await asyncio.gather(*fire.clients)
    failed = {f"http {why}": times for why, times in fire.http.failure.items()} | dict(fire.failed)
    return json.dumps({"done": {**fire.done, "http": sum(fire.http.status.values())}, "failed": failed})


Target = tuple[str, int, float]


class Cut(Exception):
    """A talk did not end by this side's will."""

    def __init__(self, server: str, why: object) -> None:
        super().__init__(str(why))
        self.server = server


@asynccontextmanager
async def _whole(server: Callable[[], str]) -> AsyncIterator[None]:
    """What goes wrong in here is a Cut."""
    try:
        yield
    except (OSError, EOFError, TimeoutError) as error:
        raise Cut(server(), f"{type(error).__name__}: {error}") from error


async def _client(fire: Burning, kind: str, talk: Callable[[Burning, Target], Awaitable[None]], target: Target) -> None:
    """Talk again and again. A talk ends by itself, early when the fire does; anything else is a failure."""
    while not fire.ending.is_set():
        try:
            await talk(fire, target)
        except Cut as cut:
            fire.failed[f"{kind} at {cut.server or 'nobody'}: {cut}"] += 1
        except (OSError, EOFError, TimeoutError) as error:
            fire.failed[f"{kind} at nobody: {type(error).__name__}: {error}"] += 1
            await asyncio.sleep(PAUSE)


async def _tcp(fire: Burning, target: Target) -> None:
    reader, writer = await asyncio.open_connection(target[0], target[1])
    try:
        server = (await _timely(reader.readline())).decode().strip()
        async with _whole(lambda: server):
            async for turn in _turns(fire, target[2]):
                message = b"ahoy %8d" % turn
                writer.write(message)
                if (back := await _timely(reader.readexactly(len(message)))) != message:
                    raise OSError(f"{message!r} came back as {back!r}")
                fire.said["tcp"] += 1
        fire.done["tcp"] += 1
    finally:
        writer.close()


async def _http2(fire: Burning, target: Target) -> None:
    wire = await Wire.connect(target)
    try:
        async for turn in _turns(fire, target[2]):
            message = b"ahoy %8d" % turn
            wire.ask("/probe.Echo/Say", {})
            wire.say(message, last=True)
            await wire.heard(lambda: wire.ended)
            if wire.headers.get(":status") != "200" or not wire.body.endswith(message):
                raise OSError(f"answered {wire.headers.get(':status')} {bytes(wire.body[:100])!r}")
            fire.said["http2"] += 1
            fire.done["http2"] += 1
    finally:
        wire.writer.close()


async def _grpc(fire: Burning, target: Target) -> None:
    wire = await Wire.connect(target)
    try:
        wire.ask("/probe.Echo/Chat", {"content-type": "application/grpc", "te": "trailers"})
        async with _whole(lambda: wire.headers.get("x-server", "")):
            await _chat(wire, fire, target[2])
        fire.done["grpc"] += 1
    finally:
        wire.writer.close()


async def _chat(wire: "Wire", fire: Burning, seconds: float) -> None:
    said = bytearray()
    async for turn in _turns(fire, seconds):
        text = b"ahoy %8d" % turn
        frame = struct.pack(">BI", 0, len(text)) + text
        said += frame
        wire.say(frame, last=False)
        await wire.heard(wire.has(len(said)))
        if wire.body != said:
            raise OSError(f"cut after {len(said)} bytes: {wire.headers}")
        fire.said["grpc"] += 1
    wire.say(b"", last=True)
    await wire.heard(lambda: wire.ended)
    if wire.headers.get("grpc-status") != "0":
        raise OSError(f"ended with {wire.headers}")


async def _turns(fire: Burning, seconds: float) -> AsyncIterator[int]:
    """Numbers, a pause before each but the first, until the time is over or the fire is to end."""
    clock, turn = asyncio.get_running_loop().time, 0
    end = clock() + seconds
    while turn == 0 or (clock() < end and not fire.ending.is_set()):
        yield turn
        turn += 1
        await asyncio.sleep(PAUSE)


async def _timely(answer: Awaitable[bytes]) -> bytes:
    return await asyncio.wait_for(answer, PATIENCE)


class Wire:
    """One HTTP/2 connection with one request at a time. `headers` are those of the answer with its trailers."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.host = host
        self.reader, self.writer = reader, writer
        self.talk = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.talk.initiate_connection()
        self.stream = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.ended = False

    @classmethod
    async def connect(cls, target: Target) -> "Wire":
        return cls(target[0], *await asyncio.open_connection(target[0], target[1]))

    def ask(self, path: str, more: dict[str, str]) -> None:
        self.stream = self.talk.get_next_available_stream_id()
        self.headers, self.body, self.ended = {}, bytearray(), False
        headers = {":method": "POST", ":scheme": "http", ":authority": self.host, ":path": path, **more}
        self.talk.send_headers(self.stream, list(headers.items()))

    def say(self, data: bytes, last: bool) -> None:
        self.talk.send_data(self.stream, data, end_stream=last)

    def has(self, size: int) -> Callable[[], bool]:
        """Whether so much of the body has come, or no more will."""
        return lambda: self.ended or len(self.body) >= size

    async def heard(self, enough: Callable[[], bool]) -> None:
        """Send what is to be sent, and read until it is enough."""
        while True:
            self.writer.write(self.talk.data_to_send())
            if enough():
                return
            data = await _timely(self.reader.read(65536))
            if not data:
                raise EOFError("the connection ended")
            for event in self.talk.receive_data(data):
                self._take(event)

    def _take(self, event: object) -> None:
        if isinstance(event, ResponseReceived | TrailersReceived):
            self.headers |= dict(event.headers)
        elif isinstance(event, DataReceived):
            self.body += event.data
            self.talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamReset):
            raise OSError(f"the stream was reset: {event.error_code}")
        elif isinstance(event, StreamEnded):
            self.ended = True
