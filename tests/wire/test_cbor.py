"""Smithy RPC v2 CBOR: botocore on the other side, and bodies that no SDK would send."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from botocore.model import Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire import models, routing, validate
from moorage.wire.cbor import CborCodec
from moorage.wire.credentials import Scope
from moorage.wire.faults import Fault, Rejected
from moorage.wire.message import Request, Response

Example = Callable[[Shape], Any]
CODEC = CborCodec()
CLOUD_MAP = "servicediscovery"
OPERATIONS = sorted(models.service_operations(CLOUD_MAP))
REGISTER = models.operation(CLOUD_MAP, "RegisterInstance")
HEADERS = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}


def request(body: bytes, operation: str = "RegisterInstance", **headers: str) -> Request:
    path = f"/service/Route53AutoNaming_v20170314/operation/{operation}"
    return Request("POST", path, headers={**HEADERS, **headers}, body=body)


def received(response: Response) -> dict[str, Any]:
    return {"headers": dict(response.headers), "body": response.body, "status_code": response.status}


def refusal(act: Callable[[], Any]) -> Fault:
    with pytest.raises(Rejected) as error:
        act()
    return error.value.fault


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_botocore_writes_is_read_as_it_was_meant(operation: str, example: Example) -> None:
    model = models.operation(CLOUD_MAP, operation)
    meant = example(model.input_shape)
    made = create_serializer(models.CBOR, False).serialize_to_request(meant, model)
    headers = {name.lower(): value for name, value in made["headers"].items()}
    sent = Request(made["method"], made["url_path"], headers=headers, body=made["body"])
    target = routing.target(sent, None)
    assert (target.service, target.operation) == (CLOUD_MAP, operation)
    read, findings = validate.inspect(model.input_shape, routing.codec(sent).parse(model, sent))
    assert findings.unknown == []
    assert read == meant


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_written_is_read_by_botocore_as_it_was_meant(operation: str, example: Example) -> None:
    model = models.operation(CLOUD_MAP, operation)
    meant = example(model.output_shape) if model.output_shape is not None else {}
    response = CODEC.answer(model, meant, "request-1")
    assert {("smithy-protocol", "rpc-v2-cbor"), ("x-amzn-requestid", "request-1")} <= set(response.headers)
    read = create_parser(models.CBOR).parse(received(response), model.output_shape)
    read.pop("ResponseMetadata")
    assert read == meant


def test_every_modelled_error_is_read_by_botocore_with_code_and_message() -> None:
    parser = create_parser(models.CBOR)
    for code, shape in models.error_shapes(CLOUD_MAP).items():
        response = CODEC.refuse(Fault(code, "what <is> wrong", 409), "request-2", CLOUD_MAP)
        read = parser.parse(received(response), None)
        assert read["Error"] == {"Code": code, "Message": "what <is> wrong"}
        assert read["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert read["ResponseMetadata"]["RequestId"] == "request-2"
        assert parser.parse(received(response), shape)[models.message_member(CLOUD_MAP, code)] == "what <is> wrong"
        assert cbor2.loads(response.body)["__type"] == f"com.amazonaws.servicediscovery#{code}"


def test_a_fault_of_no_model_has_no_namespace() -> None:
    body = cbor2.loads(CODEC.refuse(Fault("SerializationException", "no"), "request-3", "").body)
    assert body == {"__type": "SerializationException", "message": "no"}


def test_an_empty_body_is_an_empty_input() -> None:
    assert CODEC.parse(REGISTER, Request("POST", "/", headers=HEADERS)) == {}


def test_undefined_and_null_mean_that_a_member_is_not_there() -> None:
    body = cbor2.dumps({"ServiceId": cbor2.undefined, "InstanceId": None})
    assert CODEC.parse(REGISTER, request(body)) == {"ServiceId": None, "InstanceId": None}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xa1\x61a", "premature end"),
        (b"\xff", "break code"),
        (b"\xa1\x61a\x61\xff", "text string"),
        (b"\xa0\x00", "bytes after its end"),
        (b"\xa1\x01\x02", "key is not text"),
        (b"\xa2\x61a\x01\x61a\x02", "Duplicate"),
        (b"\xd8\x1c\x81\xd8\x1d\x00", "tag"),
        (b"\xc2\x42\x01\x00", "tag 2"),
        (b"\xd8\x23\x61(", "tag 35"),
        (b"\xd9\xff\xfe\x01", "tag 65534"),
        (b"\xc1\xfb\x7f\xf8\0\0\0\0\0\0", "tag 1"),
        (b"\xc1\x61x", "tag 1"),
        (b"\xe0", "not a value of Smithy"),
    ],
)
def test_what_the_protocol_does_not_have_is_refused(body: bytes, said: str) -> None:
    fault = refusal(lambda: CODEC.parse(REGISTER, request(body)))
    assert (fault.code, fault.status) == ("SerializationException", 400)
    assert said in fault.message


@pytest.mark.parametrize("tag", range(300))
def test_no_tag_but_that_of_timestamps_is_read(tag: int) -> None:
    for value in (7, "7", b"7", [7, 7], {"a": 7}):
        body = cbor2.dumps({"a": cbor2.CBORTag(tag, value)})
        if tag == 1 and value == 7:
            assert CODEC.parse(REGISTER, request(body))["a"].timestamp() == 7
        else:
            assert refusal(lambda sent=body: CODEC.parse(REGISTER, request(sent))).code == "SerializationException"


def test_what_is_nested_too_deep_is_refused() -> None:
    assert CODEC.parse(REGISTER, request(b"\x81" * 63 + b"\x01"))
    fault = refusal(lambda: CODEC.parse(REGISTER, request(b"\x81" * 65 + b"\x01")))
    assert "nested deeper than 64" in fault.message
    assert refusal(lambda: CODEC.parse(REGISTER, request(b"\x81" * 500_000))).code == "SerializationException"


def test_another_type_of_body_is_refused() -> None:
    assert refusal(lambda: CODEC.parse(REGISTER, request(b"{}", **{"content-type": "application/json"}))).status == 415
    compressed = request(b"\xa0", **{"content-encoding": "gzip"})
    assert refusal(lambda: CODEC.parse(REGISTER, compressed)).status == 415


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (request(b"\xa0", **{"smithy-protocol": "rpc-v2-json"}), "UnsupportedProtocol"),
        (request(b"\xa0", **{"content-type": "application/vnd.amazon.eventstream"}), "UnsupportedMediaType"),
        (Request("POST", "/", headers=HEADERS), "UnknownOperationException"),
        (
            Request("GET", "/service/Route53AutoNaming_v20170314/operation/X", headers=HEADERS),
            "UnknownOperationException",
        ),
        (Request("POST", "/service/No/operation/X", headers=HEADERS), "UnknownOperationException"),
        (
            Request("POST", "/service/AmazonEC2ContainerServiceV20141113/operation/ListClusters", headers=HEADERS),
            "UnsupportedProtocol",
        ),
    ],
)
def test_what_names_no_operation_of_the_protocol_is_refused(sent: Request, code: str) -> None:
    assert refusal(lambda: routing.target(sent, None)).code == code


def test_an_unknown_service_is_told_by_the_scope() -> None:
    sent = Request("POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", headers=HEADERS)
    target = routing.target(sent, Scope("test", "20261122", "us-east-1", "monitoring"))
    assert target.operation == "ListMetrics"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        validate.read(REGISTER, CODEC.parse(REGISTER, request(body)), "InvalidInput")
    except Rejected as error:
        assert error.fault.status == 400
        assert error.fault.message
