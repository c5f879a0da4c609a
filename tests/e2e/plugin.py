"""A client of ExecuteCommand's stream, written from the published message format of AWS's session-manager-plugin.

The plugin itself is not to be had from a package registry, so this stands in for it; it shares no code with Moorage.
"""

import hashlib
import json
import struct
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection, connect

HEADER = struct.Struct(">I32sIQqQ16s32sI")


@dataclass
class Plugin:
    """One session, from the answer of ExecuteCommand."""

    session: dict[str, Any]
    socket: ClientConnection = field(init=False)
    output: bytes = b""
    closed: dict[str, Any] | None = None
    kinds: list[int] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    sent: int = 0
    expected: int = 0
    early: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    ready: bool = True

    def open(self, token: str | None = None) -> None:
        """Connect and send the token; the handshake comes from the other side."""
        self.socket = connect(self.session["streamUrl"], proxy=None).__enter__()
        opening = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token or self.session["tokenValue"],
            "ClientId": str(uuid.uuid4()),
            "ClientVersion": "1.2.707.0",
        }
        self.socket.send(json.dumps(opening))
        while 7 not in self.kinds:
            self._take(20)

    def type(self, text: str) -> None:
        self._stream(1, text.encode())

    def type_in_turn(self, *texts: str) -> None:
        """The texts, the last one sent first: their numbers say which comes when."""
        numbers = range(self.sent, self.sent + len(texts))
        for number, text in reversed([*zip(numbers, texts, strict=True)]):
            self._send("input_stream_data", number, 0, 1, text.encode())
        self.sent += len(texts)

    def size(self, rows: int, columns: int) -> None:
        self._stream(3, json.dumps({"cols": columns, "rows": rows}).encode())

    def terminate(self) -> None:
        self._stream(10, struct.pack(">I", 2))

    def until(self, words: bytes, within: float = 20) -> None:
        """Take what comes until it has been written."""
        end = time.monotonic() + within
        while words not in self.output:
            assert self.closed is None, (self.closed, self.output)
            self._take(end - time.monotonic())

    def to_the_end(self, within: float = 20) -> None:
        end = time.monotonic() + within
        while self.closed is None:
            self._take(end - time.monotonic())
        self.socket.close()

    def _take(self, within: float) -> None:
        data = self.socket.recv(timeout=within)
        assert isinstance(data, bytes)
        size, kind, version, _, sequence, _, identity, digest, payload_type = HEADER.unpack_from(data)
        (length,) = struct.unpack_from(">I", data, size)
        payload = data[size + 4 :]
        assert (size, version, len(payload)) == (116, 1, length)
        assert hashlib.sha256(payload).digest() == digest
        name = kind.decode().strip()
        if name == "acknowledge":
            self.acknowledged.add(json.loads(payload)["AcknowledgedMessageSequenceNumber"])
        elif name == "channel_closed":
            self.closed = json.loads(payload)
        else:
            assert name == "output_stream_data"
            self._output(sequence, uuid.UUID(bytes=identity[8:] + identity[:8]), payload_type, payload)

    def _output(self, sequence: int, identity: uuid.UUID, kind: int, payload: bytes) -> None:
        """As the plugin does: the message whose turn it is, once there is a handler; later ones wait."""
        if sequence == self.expected and kind == 1 and not self.ready:
            self.ready = True  # let go without an acknowledgement: it must come again
            return
        if sequence < self.expected:
            return
        self._acknowledge("output_stream_data", identity, sequence)
        self.early[sequence] = kind, payload
        while self.expected in self.early:
            waiting = self.early.pop(self.expected)
            self.expected += 1
            self._handle(*waiting)

    def _handle(self, kind: int, payload: bytes) -> None:
        self.kinds.append(kind)
        if kind == 5:
            actions = json.loads(payload)["RequestedClientActions"]
            assert [action["ActionParameters"]["SessionType"] for action in actions] == ["InteractiveCommands"]
            done = [
                {"ActionType": a["ActionType"], "ActionStatus": 1, "ActionResult": None, "Error": ""} for a in actions
            ]
            answer = {"ClientVersion": "1.2.707.0", "ProcessedClientActions": done, "Errors": []}
            self._stream(6, json.dumps(answer).encode())
        elif kind == 7:
            assert json.loads(payload).keys() == {"HandshakeTimeToComplete", "CustomerMessage"}
        else:
            assert kind == 1, "the plugin would print anything else as text"
            self.output += payload

    def _acknowledge(self, name: str, identity: uuid.UUID, sequence: int) -> None:
        content = {
            "AcknowledgedMessageType": name,
            "AcknowledgedMessageId": str(identity),
            "AcknowledgedMessageSequenceNumber": sequence,
            "IsSequentialMessage": True,
        }
        self._send("acknowledge", 0, 3, 0, json.dumps(content).encode())

    def _stream(self, kind: int, payload: bytes) -> None:
        self._send("input_stream_data", self.sent, 0, kind, payload)
        self.sent += 1

    def _send(self, name: str, sequence: int, flags: int, kind: int, payload: bytes) -> None:
        identity = uuid.uuid4().bytes
        header = HEADER.pack(
            *(116, name.encode().ljust(32), 1, int(time.time() * 1000), sequence, flags),
            *(identity[8:] + identity[:8], hashlib.sha256(payload).digest(), kind),
        )
        self.socket.send(header + struct.pack(">I", len(payload)) + payload)
