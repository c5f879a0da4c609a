"""CBOR to JSON and back: botocore writes the one and reads it again, our JSON codec is the service between."""

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from moorage.support.operations import passed_on
from moorage.wire import models, translation
from moorage.wire.faults import Fault, Rejected
from moorage.wire.json11 import JsonCodec
from moorage.wire.message import Request, Response

Example = Callable[[Shape], Any]
BEHIND = JsonCodec()
OPERATIONS = [
    (service, operation)
    for service in ("acm-pca", "cloudwatch")
    for operation in sorted(models.service_operations(service))
    if passed_on(service, operation)
]


def request_of(model: OperationModel, arguments: dict[str, Any]) -> Request:
    """What an SDK sends that chose CBOR, signed in some way."""
    made = create_serializer(models.CBOR, False).serialize_to_request(arguments, model)
    headers = {name.lower(): value for name, value in made["headers"].items()} | {"authorization": "AWS4-HMAC-SHA256 …"}
    return Request(made["method"], made["url_path"], headers=headers, body=made["body"])


def read(model: OperationModel, response: Response) -> dict[str, Any]:
    """What that SDK reads."""
    received = {"headers": dict(response.headers), "body": response.body, "status_code": response.status}
    found: dict[str, Any] = create_parser(models.CBOR).parse(received, model.output_shape)
    return found


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_a_request_means_the_same_in_json(service: str, operation: str, example: Example) -> None:
    model = models.operation(service, operation)
    meant = example(model.input_shape) if model.input_shape is not None else {}
    plain = create_serializer(models.JSON, False).serialize_to_request(meant, model)
    made = translation.to_json(model, request_of(model, meant))
    assert (made.method, made.path, made.body) == ("POST", "/", plain["body"])
    assert made.headers["x-amz-target"] == plain["headers"]["X-Amz-Target"]
    assert made.headers["content-type"] == plain["headers"]["Content-Type"]
    assert made.headers["authorization"] == "AWS4-HMAC-SHA256 …"
    assert not translation.is_due(made)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_answer_means_the_same_in_cbor(service: str, operation: str, example: Example) -> None:
    model = models.operation(service, operation)
    meant = example(model.output_shape) if model.output_shape is not None else {}
    answer = translation.from_json(model, BEHIND.answer(model, meant, "behind"), "request-1")
    assert ("x-amzn-requestid", "request-1") in answer.headers
    found = read(model, answer)
    assert {**found, "ResponseMetadata": None} == {**meant, "ResponseMetadata": None}


def test_an_error_keeps_its_code_sentence_and_status() -> None:
    model = models.operation("cloudwatch", "GetDashboard")
    refused = BEHIND.refuse(Fault("ResourceNotFound", "no such dashboard", 404), "behind", "cloudwatch")
    answer = translation.from_json(model, refused, "request-1")
    assert answer.status == 404
    assert ("x-amzn-query-error", "ResourceNotFound;Sender") in answer.headers
    found = read(model, answer)
    assert (found["Error"]["Code"], found["Error"]["Message"]) == ("ResourceNotFound", "no such dashboard")


def test_a_member_that_the_model_lacks_is_refused_by_name() -> None:
    model = models.operation("cloudwatch", "DescribeAlarms")
    request = request_of(model, {})
    wrong = Request(request.method, request.path, headers=request.headers, body=cbor2.dumps({"AlarmNamez": ["a"]}))
    with pytest.raises(Rejected, match="DescribeAlarms has no member AlarmNamez"):
        translation.to_json(model, wrong)


def test_a_service_that_does_not_speak_cbor_refuses_it() -> None:
    model = models.operation("kms", "ListKeys")
    with pytest.raises(Rejected, match="kms does not speak rpc-v2-cbor"):
        translation.to_json(
            model, Request("POST", "/", headers={"smithy-protocol": "rpc-v2-cbor"}, body=cbor2.dumps({}))
        )
