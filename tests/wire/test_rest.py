"""botocore writes a request for every operation of the REST services; the operation is told by it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from botocore.model import Shape
from botocore.serialize import create_serializer

from moorage.wire import models, rest
from moorage.wire.message import Request

OPERATIONS = [
    (service, operation)
    for service in ("route53", "s3")
    for operation in sorted(models.service_operations(service))
    if not models.operation(service, operation).deprecated
]
SAME_REQUEST = {("s3", "ListDirectoryBuckets"): "ListBuckets"}
"""S3 tells these apart by the host that they are sent to."""


def request_of(service: str, operation: str, example: Callable[[Shape], Any]) -> Request:
    model = models.operation(service, operation)
    shape = model.input_shape
    arguments = {name: example(shape.members[name]) for name in shape.required_members} if shape is not None else {}
    for name in arguments:
        where = shape.members[name].serialization.get("location")
        if where in ("uri", "header") and shape.members[name].type_name == "string" and not shape.members[name].enum:
            arguments[name] = "name"
    made = create_serializer(model.service_model.resolved_protocol, False).serialize_to_request(arguments, model)
    path, _, static = made["url_path"].partition("?")
    query = "&".join(part for part in (static, urlencode(made["query_string"])) if part)
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    return Request(made["method"], unquote(path), query, headers)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_operation_is_told_by_its_request(service: str, operation: str, example: Callable[[Shape], Any]) -> None:
    meant = SAME_REQUEST.get((service, operation), operation)
    assert rest.operation(service, request_of(service, operation, example)) == meant


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (Request("GET", "/"), "ListBuckets"),
        (Request("GET", "/b/", "list-type=2&prefix=a"), "ListObjectsV2"),
        (Request("GET", "/b/a/b c/", "x-id=GetObject"), "GetObject"),
        (Request("PUT", "/b/k", "", {"x-amz-copy-source": "a/b"}), "CopyObject"),
        (Request("PUT", "/b/k", "partNumber=1&uploadId=u"), "UploadPart"),
        (Request("PATCH", "/b/k"), ""),
        (Request("DELETE", "/"), ""),
    ],
)
def test_more_of_what_is_there_is_meant(request_: Request, operation: str) -> None:
    assert rest.operation("s3", request_) == operation
