"""Pages of a list: at most so many items, and an opaque token that goes on after the last of them.

A token holds where the list stopped and a digest of that together with the operation and its arguments: one that was
altered, or that belongs to another list, is refused.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from moorage.api.context import RequestContext
from moorage.domain.errors import InvalidParameter

PAGE = 100
_DIGEST = 12


def page(
    ctx: RequestContext,
    arguments: Mapping[str, Any],
    items: Mapping[str, str],
    size: int = PAGE,
    descending: bool = False,
) -> tuple[list[str], dict[str, str]]:
    """The items of this page and, when there are more, `nextToken`. `items` are ordered by their keys."""
    limit = arguments.get("maxResults", size)
    if not 1 <= limit <= PAGE:
        raise InvalidParameter(f"maxResults must be between 1 and {PAGE}.")
    keys = sorted(items, reverse=descending)
    if token := arguments.get("nextToken"):
        last = _read(ctx, arguments, token)
        keys = [key for key in keys if (key < last if descending else key > last)]
    here = keys[:limit]
    more = {"nextToken": _write(ctx, arguments, here[-1])} if len(keys) > limit else {}
    return [items[key] for key in here], more


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
