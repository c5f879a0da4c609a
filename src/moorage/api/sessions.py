"""Temporary credentials: makes them, and finds those that a request was made with.

An access key that is nobody's here is taken as any other: it names an account, or the account of zeros. Who may assume
what is `domain/role_session`'s; whether a request must be signed at all, the endpoint's.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

from moorage.domain.changes import ABSENT, Delete, Put, Write
from moorage.domain.role_session import ACCESS_KEY, PREFIX, RoleSession, new_access_key
from moorage.domain.world import World
from moorage.engine.ports import Clock, Ids, Store
from moorage.wire.faults import reject
from moorage.wire.message import Request

TOKEN: Final = "x-amz-security-token"
_SWEPT = 100
"""So many sessions that are over are taken away at most, when another is made."""


async def begin(store: Store, clock: Clock, ids: Ids, lifetime: timedelta, **about: Any) -> RoleSession:
    """Make credentials, on disk when this returns. `about` are the fields of RoleSession that say whose they are."""
    now = clock.now()
    made = RoleSession(
        access_key=new_access_key(about["account"], ids.hex32()),
        secret_key=ids.hex32() + ids.letters(8),
        token=ids.hex32() + ids.hex32(),
        expires_at=now.replace(microsecond=0) + lifetime,
        **about,
    )
    writes: list[Write] = [Put(made), *_over(store.snapshot(), made.account, now)]
    await store.commit(writes, {(RoleSession.table, made.key): ABSENT})
    return made


def _over(world: World, account: str, now: datetime) -> list[Write]:
    ended = [old for old in world.linked(RoleSession, "sessions", (account,)) if old.expires_at <= now]
    return [Delete(RoleSession.table, old.key) for old in ended[:_SWEPT]]


def shown(session: RoleSession) -> dict[str, Any]:
    """The shape Credentials of STS."""
    return {
        "AccessKeyId": session.access_key,
        "SecretAccessKey": session.secret_key,
        "SessionToken": session.token,
        "Expiration": session.expires_at,
    }


def of_key(store: Store, access_key: str) -> RoleSession | None:
    """The session that an access key is of; None if it is not of temporary credentials that were made here."""
    if not access_key.startswith(PREFIX):
        return None
    return next(iter(store.snapshot().linked(RoleSession, ACCESS_KEY, (access_key,))), None)


def check(session: RoleSession, request: Request, now: datetime) -> None:
    """Rejected unless the request carries the session's token and the session is not over."""
    if session.token not in (request.header(TOKEN), *_in_query(request.query)):
        raise reject("UnrecognizedClientException", "The security token included in the request is invalid.", 403)
    if session.expires_at <= now:
        raise reject("ExpiredTokenException", "The security token included in the request is expired", 403)


def _in_query(query: str) -> list[str]:
    found: Mapping[str, list[str]] = parse_qs(query) if "X-Amz-Security-Token" in query else {}
    return found.get("X-Amz-Security-Token", [])
