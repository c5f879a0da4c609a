"""From an input to the bytes of a request, in each protocol, and to bytes that are broken."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import cbor2
import orjson
from hypothesis import strategies as st

from moorage.wire import models
from moorage.wire.message import Request

REGION = "eu-west-1"
_ITEMS = {models.QUERY: ".member", models.EC2: ""}
"""What stands between the name of a list and the numbers of its items."""
ACCOUNT = "123456789012"


def requests(service: str, operation: str, value: Any) -> list[Request]:
    """The request that carries the input, in every protocol that the service speaks."""
    entry = models.ENTRIES[service]
    name = models.service(service).signing_name
    scope = (
        f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261122/{REGION}/{name}/aws4_request, SignedHeaders=host, Signature=x"
    )
    if entry.protocol in (models.QUERY, models.EC2):
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": scope}
        fields = [("Action", operation), ("Version", entry.version), *_fields(value, "", _ITEMS[entry.protocol])]
        return [Request("POST", "/", headers=headers, body=urlencode(fields, errors="replace").encode())]
    json = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{entry.target}.{operation}"}
    body = orjson.dumps(value, lambda other: str(other), orjson.OPT_NON_STR_KEYS) if _fits(value) else b'{"a":1e999}'
    made = [Request("POST", "/", headers={**json, "authorization": scope}, body=body)]
    if models.speaks_cbor(service):
        headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor", "authorization": scope}
        path = f"/service/{entry.target}/operation/{operation}"
        made.append(Request("POST", path, headers=headers, body=cbor2.dumps(value)))
    return made


def _fits(value: Any) -> bool:
    """Whether the writer of JSON takes the value: it has no integers beyond 64 bits."""
    if isinstance(value, dict):
        return all(_fits(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_fits(inner) for inner in value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _fields(value: Any, name: str, items: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(inner, f"{name}.{key}" if name else key, items)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _fields(inner, f"{name}{items}.{number}", items)
    elif value is not None:
        yield name or "x", str(value).lower() if isinstance(value, bool) else str(value)


@st.composite
def broken(draw: st.DrawFn, request: Request) -> Request:
    """The request with its body cut off, or with bytes that do not belong there."""
    body = request.body
    at = draw(st.integers(0, len(body)))
    inserted = draw(
        st.sampled_from(
            [b"", b"\xff", b"\x00", b"\xed\xa0\x80", b"[" * 70, b'{"a":' * 70, b"\x81" * 70, b"%zz", b"\xa1"]
        )
    )
    rest = body[at:] if draw(st.booleans()) else b""
    return Request(request.method, request.path, request.query, request.headers, body[:at] + inserted + rest)


def texts(value: Any) -> Iterator[str]:
    """All texts in an answer: what a client could name next."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
        yield base64.b64encode(value.encode()).decode()
