"""Request and Response: an HTTP exchange as values, after the body was read in full and before it is written.

What the bytes mean is the codecs' business; how they travel is the server's. Named tuples: one of each is made for
every request, and a frozen dataclass takes four times as long to make.
"""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Request(NamedTuple):
    """`path` is decoded, `raw_path` and `query` are as they arrived; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""
    raw_path: str = ""

    def header(self, name: str) -> str:
        """The header's value, or an empty string."""
        return self.headers.get(name, "")


class Response(NamedTuple):
    """The server adds Date and Content-Length; neither is among `headers`.

    `chunks` is what follows the body for as long as it lasts, in an answer of no known length.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunks: AsyncIterator[bytes] | None = None

    def with_headers(self, *headers: tuple[str, str]) -> "Response":
        return self._replace(headers=(*self.headers, *headers))
