"""AWS Query: a form with dotted names in, XML out, each driven by the shapes of the model. And EC2's dialect of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel, Shape

from moorage.wire import models, scalars
from moorage.wire.faults import Fault
from moorage.wire.message import Request, Response
from moorage.wire.query_form import Ec2Reader, Reader, parameters

_READER, _EC2_READER = Reader(), Ec2Reader()
_CONTENT_TYPE = ("content-type", "text/xml")
_NOT_XML = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {0xFFFE: None, 0xFFFF: None}


class QueryCodec:
    """The Codec of the Query protocol."""

    def parse(self, operation: OperationModel, request: Request) -> Any:
        tree = parameters(request)
        shape = operation.input_shape
        return tree if shape is None else _READER.read(shape, tree)

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        result = ""
        if operation.output_shape is not None:
            wrapper = operation.output_shape.serialization.get("resultWrapper", f"{operation.name}Result")
            result = _element(wrapper, "".join(_members(operation.output_shape, output)))
        namespace = operation.service_model.metadata.get("xmlNamespace", "")
        metadata = _element("ResponseMetadata", _element("RequestId", _text(request_id)))
        return _document(200, f"{operation.name}Response", namespace, result + metadata, request_id)

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        namespace = models.service(service).metadata.get("xmlNamespace", "") if service in models.ENTRIES else ""
        error = (
            _element("Type", "Sender" if fault.sender else "Receiver")
            + _element("Code", _text(fault.code))
            + _element("Message", _text(fault.message))
        )
        content = _element("Error", error) + _element("RequestId", _text(request_id))
        return _document(fault.status, "ErrorResponse", namespace, content, request_id)


class Ec2Codec:
    """The Codec of EC2: no wrapper around what an operation answers, and an envelope of its own around errors."""

    def parse(self, operation: OperationModel, request: Request) -> Any:
        tree = parameters(request)
        shape = operation.input_shape
        return tree if shape is None else _EC2_READER.read(shape, tree)

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        shape = operation.output_shape
        members = "".join(_members(shape, output)) if shape is not None else ""
        version = operation.service_model.metadata["apiVersion"]
        namespace = f"http://ec2.amazonaws.com/doc/{version}/"
        content = _element("requestId", _text(request_id)) + members
        return _document(200, f"{operation.name}Response", namespace, content, request_id)

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        error = _element("Code", _text(fault.code)) + _element("Message", _text(fault.message))
        content = _element("Errors", _element("Error", error)) + _element("RequestID", _text(request_id))
        return _document(fault.status, "Response", "", content, request_id)


def _flat(shape: Shape) -> bool:
    return bool(shape.serialization.get("flattened"))


def _members(shape: Any, value: dict[str, Any]) -> Iterator[str]:
    for member, inner in shape.members.items():
        content = value.get(member)
        if content is not None:
            yield from _written(inner, inner.serialization.get("name", member), content)


def _written(shape: Any, name: str, value: Any) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield _element(name, "".join(_members(shape, value)))
        case "list":
            yield from _written_list(shape, name, value)
        case "map":
            yield from _written_map(shape, name, value)
        case _:
            yield _element(name, _text(_scalar(shape, value)))


def _written_list(shape: Any, name: str, value: list[Any]) -> Iterator[str]:
    item = shape.member.serialization.get("name", "member")
    if _flat(shape):
        for inner in value:
            yield from _written(shape.member, name, inner)
        return
    yield _element(name, "".join(part for inner in value for part in _written(shape.member, item, inner)))


def _written_map(shape: Any, name: str, value: dict[str, Any]) -> Iterator[str]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    entries = [
        _element(key_name, _text(key)) + "".join(_written(shape.value, value_name, inner))
        for key, inner in value.items()
    ]
    if _flat(shape):
        yield from (_element(name, entry) for entry in entries)
    else:
        yield _element(name, "".join(_element("entry", entry) for entry in entries))


def _scalar(shape: Shape, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return scalars.write_iso8601(value)
    if isinstance(value, bytes):
        return scalars.write_blob(value)
    return str(value)


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(value: str) -> str:
    """Text for XML 1.0, which has no way to write control characters."""
    return escape(value.translate(_NOT_XML), {"\r": "&#13;"})


def _document(status: int, root: str, namespace: str, content: str, request_id: str) -> Response:
    attribute = f' xmlns="{namespace}"' if namespace else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{content}</{root}>\n'
    return Response(status, (_CONTENT_TYPE, ("x-amzn-requestid", request_id)), body.encode("utf-8"))
