"""Smithy RPC v2 with CBOR: the operation in the path, the body as CBOR, errors by `__type`.

Of CBOR only what Smithy's data types need is read: a tag other than that of timestamps, a key that is no text or a
key that comes twice is refused, so that nothing shared, cyclic or of another type ever comes out of a body.
"""

import io
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import cbor2
from botocore.model import OperationModel

from moorage.wire import limits, models, scalars
from moorage.wire.faults import Fault, Rejected, reject
from moorage.wire.message import Request, Response

PROTOCOL: Final = "rpc-v2-cbor"
"""What the header `smithy-protocol` says, in the request and in the answer."""

_CONTENT_TYPE = "application/cbor"
_PATH = re.compile(r"/service/(?P<service>[^/]+)/operation/(?P<operation>[^/]+)")
_TIMESTAMP_TAG = 1
# All tags that the package reads by itself: text and numbers of other kinds, references, expressions, addresses, sets.
_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)


def named(request: Request) -> tuple[str, str]:
    """The service's target name and the operation in the path; Rejected if the path has another form."""
    found = _PATH.search(request.path)
    if request.method != "POST" or found is None or found.end() != len(request.path):
        raise reject("UnknownOperationException", "The path is not one of the protocol rpc-v2-cbor.", 404)
    return found["service"], found["operation"]


class CborCodec:
    """The Codec of Smithy RPC v2 CBOR."""

    def parse(self, operation: OperationModel, request: Request) -> Any:
        if not request.body:
            return {}
        limits.check_encoding(request)
        content_type = request.header("content-type").partition(";")[0].strip()
        if content_type != _CONTENT_TYPE:
            raise reject("UnsupportedMediaType", f"The body must be {_CONTENT_TYPE}, not '{content_type[:100]}'.", 415)
        return _plain(_decoded(request.body))

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        return _response(200, output, request_id)

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        body = {"__type": _type(fault.code, service), models.message_member(service, fault.code): fault.message}
        return _response(fault.status, {**body, **fault.fields}, request_id)


def _response(status: int, body: Mapping[str, object], request_id: str) -> Response:
    headers = (("content-type", _CONTENT_TYPE), ("smithy-protocol", PROTOCOL), ("x-amzn-requestid", request_id))
    return Response(status, headers, cbor2.dumps(body, datetime_as_timestamp=True))


def _type(code: str, service: str) -> str:
    """Smithy identifies an error by its shape's absolute name; what no service models has no namespace."""
    modelled = service in models.ENTRIES and code in models.error_shapes(service)
    return f"com.amazonaws.{service}#{code}" if modelled else code


def _decoded(body: bytes) -> Any:
    source = io.BytesIO(body)
    decoder = cbor2.CBORDecoder(
        source, tag_hook=_no_tag, semantic_decoders=_READ_TAGS, max_depth=limits.MAX_DEPTH, allow_duplicate_keys=False
    )
    try:
        value = decoder.decode()
    except cbor2.CBORError as error:
        if "nesting depth" in str(error):
            raise limits.too_deep() from error
        raise _not_cbor(str(error)) from error
    if source.read(1):
        raise _not_cbor("there are bytes after its end")
    return value


def _no_tag(*_arguments: Any) -> Any:
    raise cbor2.CBORDecodeError("only timestamps may be tagged")


def _timestamp(value: Any, _immutable: bool) -> datetime:
    try:
        return scalars.read_timestamp(value if isinstance(value, (int, float)) else None)
    except scalars.NotScalar as error:
        raise cbor2.CBORDecodeError(f"not a timestamp: {error}") from error


_READ_TAGS: Final = dict.fromkeys(_TAGS, _no_tag) | {_TIMESTAMP_TAG: _timestamp}


def _plain(value: Any) -> Any:
    """The value, if it consists of what JSON can say, timestamps and blobs; `undefined` counts as null."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _not_cbor("a key is not text")
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if value is None or value is cbor2.undefined:
        return None
    if isinstance(value, (str, bytes, bool, int, float, datetime)):
        return value
    raise _not_cbor(f"{type(value).__name__} is not a value of Smithy")


def _not_cbor(why: str) -> Rejected:
    return reject("SerializationException", f"The request body is not CBOR of this protocol: {why}")
