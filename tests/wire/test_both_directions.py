"""botocore is the other side: it writes what we read, and reads what we write, for every operation of every model."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from moorage.support.passed_on import EC2
from moorage.wire import models, validate
from moorage.wire.faults import Fault
from moorage.wire.json11 import JsonCodec
from moorage.wire.message import Request
from moorage.wire.patterns import PatternUnknown
from moorage.wire.query import Ec2Codec, QueryCodec

Example = Callable[[Shape], Any]
CODECS = {models.JSON: JsonCodec(), models.QUERY: QueryCodec(), models.EC2: Ec2Codec()}

STREAMS = {("logs", "StartLiveTail"), ("logs", "GetLogObject")}
"""Their answers are event streams, which neither codec claims to write."""

PATTERNS_NOT_TRANSLATED = {
    ("cloudwatch", "PutMetricDataQueryDefinition"),
    ("ssm", "CreateCloudConnector"),
    ("ssm", "UpdateCloudConnector"),
}
"""They ask for Unicode's punctuation, which Python's expressions cannot name. They are not served; if they were, each
request would end in PatternUnknown."""

OPERATIONS = [
    (service, operation)
    for service in models.ENTRIES
    for operation in sorted(models.service_operations(service))
    if (service, operation) not in STREAMS
    # Of EC2's hundreds those that are heard of here: the rest goes nowhere.
    and (service != "ec2" or operation in EC2.split())
]


def request_of(model: OperationModel, arguments: dict[str, Any]) -> Request:
    """What botocore sends."""
    made = create_serializer(model.service_model.resolved_protocol, False).serialize_to_request(arguments, model)
    body = made["body"]
    content = urlencode(body).encode() if isinstance(body, dict) else body
    headers = {name.lower(): value for name, value in made["headers"].items()}
    return Request(made["method"], made["url_path"], headers=headers, body=content)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_botocore_writes_is_read_as_it_was_meant(service: str, operation: str, example: Example) -> None:
    model = models.operation(service, operation)
    if model.input_shape is None:
        assert CODECS[models.ENTRIES[service].protocol].parse(model, request_of(model, {})) == {}
        return
    meant = example(model.input_shape)
    parsed = CODECS[models.ENTRIES[service].protocol].parse(model, request_of(model, meant))
    if (service, operation) in PATTERNS_NOT_TRANSLATED:
        with pytest.raises(PatternUnknown):
            validate.inspect(model.input_shape, parsed)
        return
    read, findings = validate.inspect(model.input_shape, parsed)
    assert findings.unknown == []
    assert read == meant


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_is_written_is_read_by_botocore_as_it_was_meant(service: str, operation: str, example: Example) -> None:
    model = models.operation(service, operation)
    meant = example(model.output_shape) if model.output_shape is not None else {}
    response = CODECS[models.ENTRIES[service].protocol].answer(model, meant, "request-1")
    read = create_parser(model.service_model.resolved_protocol).parse(
        {"headers": dict(response.headers), "body": response.body, "status_code": response.status}, model.output_shape
    )
    metadata = read.pop("ResponseMetadata")
    assert metadata["RequestId"] == "request-1"
    assert read == meant


@pytest.mark.parametrize("service", models.ENTRIES)
def test_every_modelled_error_is_read_by_botocore_with_code_and_message(service: str) -> None:
    codec = CODECS[models.ENTRIES[service].protocol]
    parser = create_parser(models.service(service).resolved_protocol)
    for code, shape in models.error_shapes(service).items():
        response = codec.refuse(Fault(code, "what <is> wrong & why", 409), "request-2", service)
        received = {"headers": dict(response.headers), "body": response.body, "status_code": response.status}
        read = parser.parse(received, None)
        assert read["Error"]["Code"] == code
        assert read["Error"]["Message"] == "what <is> wrong & why"
        assert read["ResponseMetadata"]["RequestId"] == "request-2"
        assert read["ResponseMetadata"]["HTTPStatusCode"] == 409
        own = parser.parse(received, shape)
        assert own.get("message", own.get("Message", "what <is> wrong & why")) == "what <is> wrong & why"
        if models.ENTRIES[service].protocol == models.JSON:
            # In Query AWS writes <Message> whatever the shape calls it, so botocore does not always fill the member.
            assert {name.lower() for name in own} == {"message"} & {name.lower() for name in shape.members}
