"""Which service and operation a request means, and which codec speaks its protocol.

AWS tells its services apart by host name; behind one address they are told apart by the target header, the Action and
Version parameters, and the signature's scope. Whether the operation is served is not decided here.
"""

import re
from typing import NamedTuple

from moorage.wire import cbor, models, query_form
from moorage.wire.cbor import CborCodec
from moorage.wire.codec import Codec
from moorage.wire.credentials import Scope
from moorage.wire.faults import reject
from moorage.wire.json11 import JsonCodec
from moorage.wire.message import Request
from moorage.wire.query import Ec2Codec, QueryCodec

_S3_HOST = re.compile(r"([a-z0-9.-]+\.)?s3[.-]")
"""With or without a bucket before it."""

_VERSION = re.compile(r"(?:^|&)Version=(\d{4}-\d{2}-\d{2})(?:&|$)")

_JSON = JsonCodec()
_JSON_10 = JsonCodec("application/x-amz-json-1.0")
_QUERY = QueryCodec()
_EC2 = Ec2Codec()
_CBOR = CborCodec()


class Target(NamedTuple):
    """`operation` is empty where only the service could be told (REST protocols)."""

    service: str
    operation: str


def codec(request: Request) -> Codec:
    """The codec that the request's form calls for. Never fails, so that any refusal can be written."""
    content_type = request.header("content-type")
    if request.header("smithy-protocol") == cbor.PROTOCOL or content_type.startswith("application/cbor"):
        return _CBOR
    if content_type.startswith("application/x-amz-json-1.0"):
        return _JSON_10
    if "x-amz-target" in request.headers or "json" in content_type:
        return _JSON
    return _EC2 if _version(request) == models.ENTRIES["ec2"].version else _QUERY


def _version(request: Request) -> str:
    """The version that a form names, or nothing; a form that cannot be read is refused elsewhere."""
    source = request.body.decode("latin-1") if request.method == "POST" and request.body else request.query
    found = _VERSION.search(source)
    return found[1] if found else ""


def target(request: Request, scope: Scope | None) -> Target:
    """The service and operation that a request means; Rejected if it names neither."""
    header = request.header("x-amz-target")
    if header:
        return _by_header(header, scope)
    if request.header("smithy-protocol"):
        return _by_path(request, scope)
    if _is_form(request):
        fields = query_form.form(request)
        if "Action" in fields:
            return _by_action(fields["Action"], fields.get("Version", ""), scope)
    return Target(_by_scope_or_host(request, scope), "")


def _by_header(header: str, scope: Scope | None) -> Target:
    prefix, _, operation = header.rpartition(".")
    entry = models.BY_TARGET.get(prefix)
    if entry is not None:
        return Target(entry.name, operation)
    if scope is not None:
        return Target(_service(scope), operation)
    raise reject("UnknownOperationException", f"No service is known by the target '{header[:200]}'.")


def _by_path(request: Request, scope: Scope | None) -> Target:
    """Smithy's RPC protocols: the header names the protocol, the path the operation."""
    protocol = request.header("smithy-protocol")
    if protocol != cbor.PROTOCOL:
        raise reject("UnsupportedProtocol", f"The protocol {protocol[:100]} is not served here.", 415)
    if "eventstream" in request.header("content-type"):
        raise reject("UnsupportedMediaType", "Event streams are not served over the protocol rpc-v2-cbor.", 415)
    name, operation = cbor.named(request)
    entry = models.BY_TARGET.get(name)
    if entry is None:
        return _by_header(f"{name}.{operation}", scope)
    if not models.speaks_cbor(entry.name):
        raise reject("UnsupportedProtocol", f"The service {entry.name} does not speak the protocol {protocol}.", 415)
    return Target(entry.name, operation)


def _service(scope: Scope) -> str:
    return models.SIGNED_AS.get(scope.service, scope.service)


def _is_form(request: Request) -> bool:
    if request.method == "POST":
        return request.header("content-type").startswith("application/x-www-form-urlencoded")
    return request.method == "GET" and "Action=" in request.query


def _by_action(action: str, version: str, scope: Scope | None) -> Target:
    if scope is not None:
        return Target(_service(scope), action)
    entry = models.BY_VERSION.get(version)
    if entry is None:
        raise reject(
            "InvalidAction", f"No service is known by the action '{action[:200]}' and version '{version[:40]}'."
        )
    return Target(entry.name, action)


def _by_scope_or_host(request: Request, scope: Scope | None) -> str:
    if scope is not None:
        return _service(scope)
    host = request.header("host")
    if ".amazonaws.com" in host:
        return "s3" if _S3_HOST.match(host) else host.split(".", 1)[0]
    raise reject(
        "MissingAuthenticationToken",
        "The request names no AWS service: it has no target header, no Action and no signature.",
        403,
    )
