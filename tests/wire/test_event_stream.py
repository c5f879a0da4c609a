"""Event streams: botocore reads what is written, checksums included."""

from collections.abc import AsyncIterator

import orjson
import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire import event_stream, models

TAIL = models.operation("logs", "StartLiveTail")


@given(st.dictionaries(st.text(max_size=20), st.text() | st.integers(-(2**53), 2**53)))
def test_a_message_is_read_with_its_headers_and_content(content: dict[str, str | int]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(event_stream.message({":message-type": "event", ":event-type": "sessionUpdate"}, content))
    (read,) = list(buffer)
    assert read.headers[":event-type"] == "sessionUpdate"
    assert orjson.loads(read.payload) == content


def test_a_changed_byte_is_noticed() -> None:
    message = bytearray(event_stream.message({":message-type": "event"}, {"a": 1}))
    message[-6] ^= 1
    buffer = EventStreamBuffer()
    buffer.add_data(bytes(message))
    with pytest.raises(ChecksumMismatch):
        list(buffer)


async def test_errors_of_the_stream_are_exceptions() -> None:
    async def events() -> AsyncIterator[event_stream.Event]:
        yield "sessionUpdate", {}
        yield "SessionTimeoutException", {"message": "over"}

    chunks = [chunk async for chunk in event_stream.following(events(), event_stream.exceptions(TAIL))]
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(chunks))
    kinds = [read.headers[":message-type"] for read in buffer]
    assert kinds == ["event", "exception"]


def test_only_an_operation_with_a_stream_has_its_member() -> None:
    assert event_stream.member(TAIL) == "responseStream"
    assert event_stream.member(models.operation("logs", "GetLogEvents")) == ""
