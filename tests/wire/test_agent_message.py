"""The bytes of a data channel's messages: as the published format has them, and back."""

import struct
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire import agent_message
from moorage.wire.agent_message import AgentMessage, Malformed, PayloadType

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ID = UUID("00112233-4455-6677-8899-aabbccddeeff")


def test_the_fields_lie_where_the_format_has_them() -> None:
    message = AgentMessage("output_stream_data", ID, 7, 1, PayloadType.OUTPUT, b"hello")
    data = agent_message.encode(message, NOW)
    assert struct.unpack_from(">I", data, 0) == (116,)
    assert data[4:36] == b"output_stream_data" + b" " * 14
    assert struct.unpack_from(">IQqQ", data, 36) == (1, int(NOW.timestamp() * 1000), 7, 1)
    assert data[64:80].hex() == "8899aabbccddeeff" + "0011223344556677"
    assert data[80:112] == sha256(b"hello").digest()
    assert struct.unpack_from(">II", data, 112) == (1, 5)
    assert data[120:] == b"hello"


@given(
    st.sampled_from(["input_stream_data", "acknowledge", "channel_closed"]),
    st.uuids(),
    st.integers(0, 2**62),
    st.integers(0, 3),
    st.sampled_from(PayloadType),
    st.binary(max_size=200),
)
def test_what_was_encoded_is_decoded(
    kind: str, identity: UUID, sequence: int, flags: int, payload_type: PayloadType, payload: bytes
) -> None:
    message = AgentMessage(kind, identity, sequence, flags, payload_type, payload)
    assert agent_message.decode(agent_message.encode(message, NOW)) == message


@given(st.binary(max_size=300))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        agent_message.decode(data)


def test_a_payload_that_was_changed_on_the_way_is_refused() -> None:
    data = agent_message.encode(AgentMessage("acknowledge", ID, payload=b"hello"), NOW)
    for changed in (data[:-1] + b"!", data + b"!", data[:-1]):
        with pytest.raises(Malformed):
            agent_message.decode(changed)
