"""From Smithy RPC v2 CBOR to AWS JSON and back, for a service behind us that does not speak CBOR and an SDK that does.

SDKs choose the first protocol of a service's model that they know: some send CBOR to CloudWatch and to ACM PCA. What
the operation does, and whether it may be asked at all, is decided by others.
"""

from typing import Any, Final

from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from moorage.wire import cbor, models, validate
from moorage.wire.cbor import CborCodec
from moorage.wire.faults import Fault, reject
from moorage.wire.message import Request, Response

_CODEC: Final = CborCodec()
_OF_CBOR: Final = frozenset({"smithy-protocol", "content-type", "accept"})
_INVALID: Final = "ValidationException"


def is_due(request: Request) -> bool:
    """True for a request in CBOR."""
    return request.header("smithy-protocol") == cbor.PROTOCOL


def to_json(operation: OperationModel, request: Request) -> Request:
    """The same request as an SDK would send it in JSON; its signature is that of the original.

    Rejected if it is not CBOR, names a member that the model does not or gives it another type, or if the service does
    not speak the protocol. Lengths and ranges are for the service to judge, as in JSON.
    """
    service = operation.service_model.service_name
    if not models.speaks_cbor(service):
        raise reject("UnsupportedProtocol", f"The service {service} does not speak {cbor.PROTOCOL}.", 415)
    arguments = _typed(operation, _CODEC.parse(operation, request))
    made = create_serializer(models.JSON, False).serialize_to_request(arguments, operation)
    kept = {name: value for name, value in request.headers.items() if name not in _OF_CBOR}
    headers = kept | {name.lower(): value for name, value in made["headers"].items()}
    return request._replace(path="/", raw_path="/", headers=headers, body=made["body"])


def _typed(operation: OperationModel, value: Any) -> dict[str, Any]:
    if operation.input_shape is None:
        return {}
    arguments, findings = validate.inspect(operation.input_shape, value)
    if findings.unknown:
        raise reject(_INVALID, f"{operation.name} has no member {', '.join(findings.unknown)}.")
    typed: dict[str, Any] = arguments
    return typed


def from_json(operation: OperationModel, response: Response, request_id: str) -> Response:
    """The answer to a translated request, in CBOR. An error keeps its code, sentence and status."""
    received = {"headers": dict(response.headers), "body": response.body, "status_code": response.status}
    parsed: dict[str, Any] = create_parser(models.JSON).parse(received, operation.output_shape)
    if response.status < 300:
        parsed.pop("ResponseMetadata", None)
        return _CODEC.answer(operation, parsed, request_id)
    error = parsed.get("Error", {})
    fault = Fault(error.get("Code", _INVALID), error.get("Message", ""), response.status)
    return _CODEC.refuse(fault, request_id, operation.service_model.service_name).with_headers(
        *_query_error(operation, fault)
    )


def _query_error(operation: OperationModel, fault: Fault) -> list[tuple[str, str]]:
    """Services that once spoke Query repeat the error's code of those days in a header (`awsQueryCompatible`)."""
    if "awsQueryCompatible" not in operation.service_model.metadata:
        return []
    return [("x-amzn-query-error", f"{fault.code};{'Sender' if fault.sender else 'Receiver'}")]
