"""Pages of a list, for every operation that has a NextToken.

A token names the last record given, so a list that changes between two pages neither repeats nor loses the others.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from moorage.domain.parameter_errors import TokenInvalid

T = TypeVar("T")


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
    return base64.urlsafe_b64encode(name.encode()).decode("ascii")


def _read(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise TokenInvalid(token) from error
