"""Pages of a list, for every operation that has a NextToken.

A token names the last record given, so a list that changes between two pages neither repeats nor loses the others. It
holds a digest of that name: one that was altered is refused.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Generic, TypeVar

from moorage.domain.parameter_errors import TokenInvalid

T = TypeVar("T")
_DIGEST = 12


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some records, and the token for the next ones; empty at the end."""

    records: Sequence[T]
    token: str

    def named(self, member: str = "NextToken") -> dict[str, str]:
        """The token as a member of an output, which is left out at the end."""
        return {member: self.token} if self.token else {}


def page(records: Sequence[T], name: Callable[[T], str], size: int, token: str | None = None) -> Page[T]:
    """The records after `token`, at most `size`. They must come in the order of `name`, which is unique among them."""
    after = _read(token) if token is not None else None
    return walk(lambda _: iter([record for record in records if after is None or name(record) > after]), name, size)


def walk(
    found: Callable[[str | None], Iterator[T]], name: Callable[[T], str], size: int, token: str | None = None
) -> Page[T]:
    """As `page`, of the records that `found` gives after a name, or from the start.

    Of those no more are looked at than the page takes.
    """
    some = list(islice(found(_read(token) if token is not None else None), size + 1))
    return Page(some[:size], _write(name(some[size - 1])) if len(some) > size else "")


def _write(name: str) -> str:
    return base64.urlsafe_b64encode(_digest(name.encode()) + name.encode()).decode("ascii")


def _read(token: str) -> str:
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
        digest, name = content[:_DIGEST], content[_DIGEST:]
        if digest != _digest(name):
            raise TokenInvalid(token)
        return name.decode()
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid(token) from error


def _digest(name: bytes) -> bytes:
    return blake2b(name, digest_size=_DIGEST, person=b"page").digest()
