"""Pages of a list: at most so many items, and an opaque token that goes on after the last of them.

A token holds where the list stopped and a digest of that together with the operation and its arguments: one that was
altered, or that belongs to another list, is refused.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from typing import Any, Protocol, TypeVar

import orjson

from moorage.api.context import RequestContext
from moorage.domain.changes import Key
from moorage.domain.errors import InvalidParameter

PAGE = 100
_DIGEST = 12


class Keyed(Protocol):
    """A record, as far as a page needs it."""

    @property
    def key(self) -> Key: ...

    @property
    def arn(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def page(
    ctx: RequestContext,
    arguments: Mapping[str, Any],
    items: Mapping[str, str],
    size: int = PAGE,
    descending: bool = False,
) -> tuple[list[str], dict[str, str]]:
    """The items of this page and, when there are more, `nextToken`. `items` are ordered by their keys."""
    limit = _limit(arguments, size)
    keys = sorted(items, reverse=descending)
    if token := arguments.get("nextToken"):
        last = _read(ctx, arguments, token)
        keys = [key for key in keys if (key < last if descending else key > last)]
    here = keys[:limit]
    more = {"nextToken": _write(ctx, arguments, here[-1])} if len(keys) > limit else {}
    return [items[key] for key in here], more


def walk(
    ctx: RequestContext, arguments: Mapping[str, Any], found: Callable[[Key | None], Iterator[K]], size: int = PAGE
) -> tuple[list[str], dict[str, str]]:
    """As `page`, the ARNs of records that `found` gives after a key, or from the start, in their order.

    Of those no more are looked at than the page takes.
    """
    limit = _limit(arguments, size)
    token = arguments.get("nextToken")
    here = list(islice(found(_key(ctx, arguments, token) if token else None), limit + 1))
    more = {"nextToken": _write(ctx, arguments, _position(here[limit - 1]))} if len(here) > limit else {}
    return [each.arn for each in here[:limit]], more


def _limit(arguments: Mapping[str, Any], size: int) -> int:
    limit: int = arguments.get("maxResults", size)
    if not 1 <= limit <= PAGE:
        raise InvalidParameter(f"maxResults must be between 1 and {PAGE}.")
    return limit


def _position(record: Keyed) -> str:
    """The key without account and region: those are in the digest."""
    return orjson.dumps(record.key[2:]).decode()


def _key(ctx: RequestContext, arguments: Mapping[str, Any], token: str) -> Key:
    return (ctx.account, ctx.region, *orjson.loads(_read(ctx, arguments, token)))


def _write(ctx: RequestContext, arguments: Mapping[str, Any], last: str) -> str:
    position = last.encode()
    return base64.urlsafe_b64encode(_digest(ctx, arguments, position) + position).decode()


def _read(ctx: RequestContext, arguments: Mapping[str, Any], token: str) -> str:
    try:
        content = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameter("Invalid token.") from None
    digest, position = content[:_DIGEST], content[_DIGEST:]
    if digest != _digest(ctx, arguments, position):
        raise InvalidParameter("Invalid token.")
    return position.decode()


def _digest(ctx: RequestContext, arguments: Mapping[str, Any], position: bytes) -> bytes:
    query = {name: value for name, value in arguments.items() if name not in ("nextToken", "maxResults")}
    whole = orjson.dumps([ctx.account, ctx.region, ctx.operation, query], option=orjson.OPT_SORT_KEYS) + position
    return blake2b(whole, digest_size=_DIGEST, person=b"moorage-page").digest()
