"""AWS JSON 1.0 and 1.1: a body of JSON, the operation in X-Amz-Target, errors by `__type`."""

from datetime import datetime
from typing import Any

import orjson
from botocore.model import OperationModel

from moorage.wire import event_stream, limits, models, scalars
from moorage.wire.faults import Fault, reject
from moorage.wire.message import Request, Response

_CONTENT_TYPE = "application/x-amz-json-1.1"


class JsonCodec:
    """The Codec of JSON 1.0 and 1.1, which differ only in the name of their content type."""

    def __init__(self, content_type: str = _CONTENT_TYPE) -> None:
        self._content_type = content_type

    def parse(self, operation: OperationModel, request: Request) -> Any:
        if not request.body:
            return {}
        limits.check_encoding(request)
        limits.check_depth(request.body)
        try:
            return orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            raise reject("SerializationException", f"The request body is not JSON: {error}") from error

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        stream = event_stream.member(operation)
        if stream:
            return self._stream(operation, stream, dict(output), request_id)
        return self._response(200, output, request_id)

    def _stream(self, operation: OperationModel, name: str, output: dict[str, Any], request_id: str) -> Response:
        """An answer that goes on: `output[name]` gives its events."""
        events = event_stream.following(output.pop(name), event_stream.exceptions(operation))
        headers = (("content-type", event_stream.CONTENT_TYPE), ("x-amzn-requestid", request_id))
        return Response(200, headers, event_stream.first(output), events)

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        body = {"__type": fault.code, models.message_member(service, fault.code): fault.message, **fault.fields}
        return self._response(fault.status, body, request_id, ("x-amzn-errortype", fault.code))

    def _response(self, status: int, body: dict[str, Any], request_id: str, *more: tuple[str, str]) -> Response:
        content = orjson.dumps(body, _write_scalar, orjson.OPT_PASSTHROUGH_DATETIME)
        return Response(
            status, (("content-type", self._content_type), ("x-amzn-requestid", request_id), *more), content
        )


def _write_scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return scalars.write_seconds(value)
    if isinstance(value, bytes):
        return scalars.write_blob(value)
    raise TypeError(type(value).__name__)
