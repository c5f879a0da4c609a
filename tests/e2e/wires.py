"""Connections from inside a task that a test holds open and speaks on as it likes: TCP, HTTP/1.1, HTTP/2.

They go by the daemon's tunnel, as `moorage forward` does; what arrives is read until what was waited for is there.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived
from hyperframe.frame import Frame, GoAwayFrame
from place import Place
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SECONDS = 30
HEADER = 9
"""Bytes of a frame before its body."""


class Wire:
    """A TCP connection of a program in the task, to a host and port that it sees."""

    def __init__(self, place: Place, task: str, host: str, port: int) -> None:
        url = f"ws{place.url.removeprefix('http')}/_moorage/dial/{task}?port={port}&host={host}"
        self._open = ExitStack()
        self._tunnel = self._open.enter_context(connect(url, compression=None, proxy=None))
        self.got = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        self._tunnel.send(data)

    def receive(self) -> bytes:
        """What came next; nothing when the other side has ended."""
        try:
            message = self._tunnel.recv(SECONDS)
        except ConnectionClosed:
            message = ""
        self.ended = not isinstance(message, bytes)
        return message if isinstance(message, bytes) else b""

    def until(self, enough: Callable[[bytes], bool]) -> bytes:
        """All that came since the last time, once it is enough; or at the end of the connection."""
        while not enough(self.got) and not self.ended:
            self.got += self.receive()
        got, self.got = self.got, b""
        return got

    def close(self) -> None:
        self._open.close()


def http(wire: Wire, path: str) -> str:
    """One request on a connection that is kept; head and body of the answer as they came."""
    wire.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return wire.until(_is_whole).decode()


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return bool(found) and len(body) >= int(length.partition(b":")[2])


class Http2:
    """HTTP/2 on a wire. `goodbyes` are the GOAWAYs that came; h2 itself would hear nothing after the first of them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._talk = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._talk.initiate_connection()
        self.events: list[Event] = []
        self.goodbyes: list[GoAwayFrame] = []
        self._rest = b""

    def ask(self, text: str) -> int:
        """Send a request; its stream."""
        stream = self._talk.get_next_available_stream_id()
        headers = {":method": "POST", ":scheme": "http", ":authority": "x", ":path": "/probe.Echo/Say"}
        self._talk.send_headers(stream, list(headers.items()))
        self._talk.send_data(stream, text.encode(), end_stream=True)
        self._flush()
        return stream

    def answer(self, stream: int) -> tuple[str, str]:
        """Status and body, once the body has come."""
        self._until(lambda: self._of(stream, DataReceived))
        (head,) = self._of(stream, ResponseReceived)
        return dict(head.headers)[":status"], b"".join(e.data for e in self._of(stream, DataReceived)).decode()

    def goodbye(self) -> GoAwayFrame:
        """The first GOAWAY of the other side."""
        self._until(lambda: self.goodbyes)
        return self.goodbyes[0]

    def _of(self, stream: int, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind) and event.stream_id == stream]

    def _until(self, enough: Callable[[], object]) -> None:
        while not enough():
            assert not self._wire.ended, self.events
            for frame in self._frames(self._wire.receive()):
                self.events += self._talk.receive_data(frame)
            self._flush()

    def _frames(self, data: bytes) -> Iterator[bytes]:
        """The whole frames of what came, but for GOAWAYs."""
        self._rest += data
        while len(self._rest) >= HEADER:
            frame, length = Frame.parse_frame_header(memoryview(self._rest[:HEADER]))
            if len(self._rest) < HEADER + length:
                return
            whole, self._rest = self._rest[: HEADER + length], self._rest[HEADER + length :]
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(whole[HEADER:]))
                self.goodbyes.append(frame)
            else:
                yield whole

    def _flush(self) -> None:
        if data := self._talk.data_to_send():
            self._wire.send(data)
