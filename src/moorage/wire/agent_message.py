"""The messages of a Session Manager data channel, as bytes and as values; both ends of a session use it.

The format is that of AWS's session-manager-plugin and SSM agent: a header of 116 bytes, the payload's length, the
payload. All numbers are big-endian; of the message id the lower half comes first.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

INPUT: Final = "input_stream_data"
OUTPUT: Final = "output_stream_data"
ACKNOWLEDGE: Final = "acknowledge"
CHANNEL_CLOSED: Final = "channel_closed"

SCHEMA_VERSION: Final = 1
_HEADER: Final = struct.Struct(">I32sIQqQ16s32sI")
_LENGTH: Final = struct.Struct(">I")


class PayloadType(IntEnum):
    """What the payload of a stream message is."""

    NONE = 0
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


class Malformed(Exception):
    """The bytes are no message of a data channel."""


@dataclass(frozen=True)
class AgentMessage:
    """One message. Streams number theirs from 0; `flags` is 1 for the first of a stream and 3 beside the streams."""

    type: str
    id: UUID
    sequence: int = 0
    flags: int = 0
    payload_type: int = PayloadType.NONE
    payload: bytes = b""


def encode(message: AgentMessage, now: datetime) -> bytes:
    """The message's bytes; `now` is when it is made."""
    identity = message.id.bytes
    header = _HEADER.pack(
        _HEADER.size,
        message.type.encode().ljust(32),
        SCHEMA_VERSION,
        int(now.timestamp() * 1000),
        message.sequence,
        message.flags,
        identity[8:] + identity[:8],
        sha256(message.payload).digest(),
        message.payload_type,
    )
    return header + _LENGTH.pack(len(message.payload)) + message.payload


def decode(data: bytes) -> AgentMessage:
    """The message in `data`. Malformed when its lengths or its digest do not agree with it."""
    if len(data) < _HEADER.size + _LENGTH.size:
        raise Malformed("the message is shorter than its header")
    size, kind, _, _, sequence, flags, identity, digest, payload_type = _HEADER.unpack_from(data)
    if not _HEADER.size <= size <= len(data) - _LENGTH.size:
        raise Malformed("the header's length is not that of a header")
    (length,) = _LENGTH.unpack_from(data, size)
    payload = data[size + _LENGTH.size :]
    if length != len(payload):
        raise Malformed("the payload is not as long as the message says")
    if payload and sha256(payload).digest() != digest:
        raise Malformed("the payload's digest is wrong")
    name = kind.strip(b"\0 ").decode("ascii", "replace")
    return AgentMessage(name, UUID(bytes=identity[8:] + identity[:8]), sequence, flags, payload_type, payload)
