"""How large and how deep a request may be, decided before anything is parsed.

Bodies are counted while they arrive, so an oversized one is never held; JSON nesting is measured on the bytes.
"""

import re

from moorage.wire.faults import Rejected, reject
from moorage.wire.message import Request

MAX_BODY = 1 << 20
MAX_OBJECT = 64 << 20
"""For S3, where a body is what is kept. Larger objects come in parts."""
MAX_DEPTH = 64

# A string literal, closed or running to the end of the body: each is matched once, so the scan stays linear.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_FOR_S3 = re.compile(r"Credential=[^,\s]+/s3/aws4_request")
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_SAME_BRACKETS = bytes.maketrans(b"{}", b"[]")


def body_limit(authorization: str) -> int:
    """How large the body may be, by the header that says which service is meant."""
    return MAX_OBJECT if "/s3/" in authorization and _FOR_S3.search(authorization) else MAX_BODY


def body_too_large(limit: int = MAX_BODY) -> Rejected:
    return reject("RequestEntityTooLarge", f"The request body is larger than {limit} bytes.", 413)


def check_encoding(request: Request) -> None:
    """Refuse a compressed body: a small one could hold any amount."""
    if request.header("content-encoding") not in ("", "identity"):
        raise reject("UnsupportedMediaType", "Request bodies are read as they are, without a Content-Encoding.", 415)


def check_depth(body: bytes) -> None:
    """Refuse JSON that is nested deeper than MAX_DEPTH, in time and memory that are linear in the body."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    brackets = _brackets(body)
    for _ in range(MAX_DEPTH):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    # Each round took away the innermost pairs. What is left is deeper, or unbalanced: the parser names the latter.
    if b"[]" in brackets or brackets.count(b"[") > MAX_DEPTH:
        raise too_deep()


def _brackets(body: bytes) -> bytes:
    """The brackets outside of strings, all of one kind. Piece by piece: a list of all pieces would take 40 MB."""
    brackets = bytearray()
    start = 0
    for string in _STRING.finditer(body):
        brackets += body[start : string.start()].translate(_SAME_BRACKETS, _NOT_BRACKET)
        start = string.end()
    return bytes(brackets + body[start:].translate(_SAME_BRACKETS, _NOT_BRACKET))


def too_deep() -> Rejected:
    return reject("SerializationException", f"The request body is nested deeper than {MAX_DEPTH} levels.")
