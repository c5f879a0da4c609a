from datetime import UTC, datetime

import orjson
import pytest

from moorage.wire import models
from moorage.wire.faults import Fault, Rejected
from moorage.wire.json11 import JsonCodec
from moorage.wire.message import Request

CODEC = JsonCodec()
LIST = models.operation("servicediscovery", "ListNamespaces")


def test_an_empty_body_is_an_empty_input() -> None:
    assert CODEC.parse(LIST, Request("POST", "/")) == {}


@pytest.mark.parametrize("body", [b"{", b"not json", b'{"a":1}x', b"\xff", b'{"a":NaN}'])
def test_a_body_that_is_not_json_is_a_serialization_error(body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        CODEC.parse(LIST, Request("POST", "/", body=body))
    assert caught.value.fault.code == "SerializationException"


def test_an_encoded_body_is_refused_by_name() -> None:
    with pytest.raises(Rejected, match="Content-Encoding") as caught:
        CODEC.parse(LIST, Request("POST", "/", headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"))
    assert caught.value.fault.status == 415


def test_whole_seconds_are_written_without_a_fraction() -> None:
    response = CODEC.answer(LIST, {"at": datetime(2026, 1, 1, tzinfo=UTC)}, "r")
    assert response.body == b'{"at":1767225600}'


def test_an_error_carries_its_type_its_own_spelling_of_message_and_its_fields() -> None:
    fault = Fault("DuplicateRequest", "twice", 409, {"DuplicateOperationId": "op-1"})
    response = CODEC.refuse(fault, "r-1", "servicediscovery")
    assert orjson.loads(response.body) == {
        "__type": "DuplicateRequest",
        "Message": "twice",
        "DuplicateOperationId": "op-1",
    }
    headers = dict(response.headers)
    assert headers["x-amzn-errortype"] == "DuplicateRequest"
    assert headers["x-amzn-requestid"] == "r-1"
    assert orjson.loads(CODEC.refuse(Fault("ClientException", "no"), "r", "ecs").body)["message"] == "no"
