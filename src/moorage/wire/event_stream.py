"""AWS event streams: an answer that goes on, as binary messages of headers and a payload, each with checksums.

The layout is that of the Amazon event stream encoding (Smithy, "Event stream"): lengths, headers of strings, CRC-32.
What the events are, and when they come, is the operation's business.
"""

import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
from botocore.model import OperationModel

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_STRING: Final = 7
_CHECKSUM: Final = 4

Event = tuple[str, Mapping[str, Any]]
"""The name of the stream's member and its content."""


def member(operation: OperationModel) -> str:
    """The output's member that is an event stream; empty if the operation's answer is none."""
    if not operation.has_event_stream_output:
        return ""
    members = operation.output_shape.members
    return next(str(name) for name, inner in members.items() if inner.serialization.get("eventstream"))


def first(output: Mapping[str, Any]) -> bytes:
    """The message that carries the members of the answer that are no stream."""
    return message({":message-type": "event", ":event-type": "initial-response"}, output)


async def following(events: AsyncIterator[Event], exceptions: frozenset[str]) -> AsyncIterator[bytes]:
    """A message for each event as it comes; those named in `exceptions` end the stream for the SDK's user as errors."""
    async for name, content in events:
        kind = "exception" if name in exceptions else "event"
        yield message({":message-type": kind, f":{kind}-type": name}, content)


def exceptions(operation: OperationModel) -> frozenset[str]:
    """The stream's members that are errors."""
    stream = operation.get_event_stream_output()
    return frozenset(name for name, shape in stream.members.items() if shape.metadata.get("exception"))


def message(headers: Mapping[str, str], content: Mapping[str, Any]) -> bytes:
    """One message, its content as JSON."""
    payload = orjson.dumps(content)
    named = b"".join(_header(name, text) for name, text in {**headers, ":content-type": "application/json"}.items())
    prelude = struct.pack("!II", 8 + _CHECKSUM + len(named) + len(payload) + _CHECKSUM, len(named))
    begun = prelude + _checksum(prelude) + named + payload
    return begun + _checksum(begun)


def _header(name: str, text: str) -> bytes:
    key, value = name.encode(), text.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _STRING, len(value)) + value


def _checksum(content: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(content))
