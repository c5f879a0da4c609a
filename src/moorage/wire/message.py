"""Request and Response: an HTTP exchange as values, after the body was read in full and before it is written.

What the bytes mean is the codecs' business; how they travel is the server's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is decoded, `raw_path` and `query` are as they arrived; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_path: str = ""

    def header(self, name: str) -> str:
        """The header's value, or an empty string."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Response:
    """The server adds Date and Content-Length; neither is among `headers`."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_headers(self, *headers: tuple[str, str]) -> "Response":
        return Response(self.status, (*self.headers, *headers), self.body)
