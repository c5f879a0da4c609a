"""Calls to supporting services from within: botocore writes the request and reads the answer, as in any client.

Requests of clients to these services pass through as they are; this is only for stacks.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ParamValidationError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from moorage.engine.ports import OperationFailed
from moorage.wire import models
from moorage.wire.message import Request, Response


def request(
    account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any], now: datetime
) -> Request:
    """The request that an SDK would send, with a credential scope and no valid signature.

    OperationFailed where an SDK would not send it at all: what a template says may be no value of the operation's.
    """
    model = models.operation(service, operation)
    serializer = create_serializer(model.service_model.resolved_protocol)
    try:
        serialized = serializer.serialize_to_request(dict(arguments), model)
    except ParamValidationError as error:
        reason = " ".join(str(error).split())
        raise OperationFailed(service, operation, "ValidationException", reason, 400) from error
    body, query = serialized["body"], serialized["query_string"]
    headers = {name.lower(): value for name, value in serialized["headers"].items()}
    headers["host"] = f"{service}.{region}.amazonaws.com"
    headers["x-amz-date"] = now.strftime("%Y%m%dT%H%M%SZ")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={account}/{now:%Y%m%d}/{region}/{model.service_model.signing_name}/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=none"
    )
    return Request(
        method=serialized["method"],
        path=serialized["url_path"],
        raw_path=serialized["url_path"],
        query=query if isinstance(query, str) else urlencode(query),
        headers=headers,
        body=_bytes(body),
    )


def _bytes(body: Any) -> bytes:
    if isinstance(body, dict):
        return urlencode(body).encode()
    return body.encode() if isinstance(body, str) else bytes(body)


def output(service: str, operation: str, response: Response) -> dict[str, Any]:
    """The parsed response; OperationFailed if it is an error."""
    model = models.operation(service, operation)
    parsed: dict[str, Any] = create_parser(model.service_model.resolved_protocol).parse(
        {"headers": dict(response.headers), "body": response.body, "status_code": response.status}, model.output_shape
    )
    if response.status >= 300:
        error = parsed.get("Error", {})
        raise OperationFailed(
            service, operation, error.get("Code", str(response.status)), error.get("Message", ""), response.status
        )
    parsed.pop("ResponseMetadata", None)
    return parsed
