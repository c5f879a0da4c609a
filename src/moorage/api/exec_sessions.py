"""The sessions of ExecuteCommand that were granted and not opened yet: who has the token may open one, once.

Kept in memory: a session ends with the daemon, and one that nobody opens is forgotten after a while.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from moorage.engine.ports import Clock, Ids

PATH: Final = "/v1/data-channel/"
OPENS_WITHIN: Final = timedelta(minutes=20)
MOST: Final = 1000


@dataclass(frozen=True)
class Session:
    """A program that shall run in a container, and the token that opens its stream."""

    id: str
    token: str
    task_id: str
    container: str
    argv: tuple[str, ...]
    granted_at: datetime


class Sessions:
    """Grants and hands out. `origin` is where clients reach the stream: ws://host:port."""

    def __init__(self, origin: str, clock: Clock, ids: Ids) -> None:
        self._origin = origin
        self._clock = clock
        self._ids = ids
        self._granted: dict[str, Session] = {}

    def grant(self, task_id: str, container: str, argv: tuple[str, ...]) -> Session:
        """A new session, for `argv` in the container."""
        now = self._clock.now()
        self._granted = {key: each for key, each in self._granted.items() if now - each.granted_at < OPENS_WITHIN}
        while len(self._granted) >= MOST:
            del self._granted[next(iter(self._granted))]
        identity = f"ecs-execute-command-{self._ids.letters(26)}"
        token = self._ids.hex32() + self._ids.hex32()
        session = Session(identity, token, task_id, container, argv, now)
        self._granted[identity] = session
        return session

    def open(self, identity: str, token: str) -> Session | None:
        """The session, which nobody can open again; None unless it was granted, lately, with this token."""
        session = self._granted.get(identity)
        if session is None or not hmac.compare_digest(session.token.encode(), token.encode()):
            return None
        del self._granted[identity]
        return session if self._clock.now() - session.granted_at < OPENS_WITHIN else None

    def url(self, session: Session) -> str:
        """Where its stream is."""
        return f"{self._origin}{PATH}{session.id}?role=publish_subscribe"


def origin(host: str, port: int) -> str:
    """Where clients open the streams of sessions; who listens everywhere is reached at this machine at least."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"ws://{name}:{port}"
