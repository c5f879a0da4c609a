"""CloudWatch Logs, StartLiveTail: events on their way in, shown once a second to whoever watches.

A session sees what arrives after it began and nothing of what is kept; which words a pattern matches is
`domain/log_pattern`'s. Limits and the shape of a session follow the API reference of StartLiveTail.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.api.context import RequestContext
from moorage.domain import arns, errors, log_errors, log_pattern
from moorage.domain.log_pattern import LogPattern
from moorage.domain.logs import LogEvent, LogGroup, LogStream
from moorage.wire.event_stream import Event

SESSIONS: Final = 15
"""As many may be open in an account and region at the same time."""

PER_SECOND: Final = 500
"""Of more events in a second these are shown, and the update says that it is a sample."""

SECONDS: Final = 3 * 60 * 60
"""A session ends by itself then."""


@dataclass(eq=False)
class Session:
    """A watcher: which events it wants, and those that came since its last update."""

    groups: tuple[LogGroup, ...]
    names: frozenset[str]
    prefixes: tuple[str, ...]
    pattern: LogPattern
    arrived: list[dict[str, Any]] = field(default_factory=list)
    sampled: bool = False

    def offer(self, group: LogGroup, stream: LogStream, events: Sequence[LogEvent], ingested: int) -> None:
        """Take those of the events that are wanted, as far as there is room before the next update."""
        if all(wanted.key != group.key for wanted in self.groups) or not self._wants(stream.name):
            return
        for event in events:
            if not self.pattern.matches(event.message):
                continue
            if len(self.arrived) == PER_SECOND:
                self.sampled = True
                return
            self.arrived.append(
                {
                    "logStreamName": stream.name,
                    "logGroupIdentifier": f"{group.account}:{group.name}",
                    "message": event.message,
                    "timestamp": event.timestamp,
                    "ingestionTime": ingested,
                }
            )

    def _wants(self, stream: str) -> bool:
        if self.names:
            return stream in self.names
        return not self.prefixes or stream.startswith(self.prefixes)

    def update(self) -> dict[str, Any]:
        """What came since the last update, and forget it."""
        found = {"sessionMetadata": {"sampled": self.sampled}, "sessionResults": self.arrived}
        self.arrived, self.sampled = [], False
        return found


class LiveTail:
    """The open sessions, and the operation that opens one. Whoever takes events in offers them here."""

    def __init__(self, period: float = 1.0) -> None:
        self._period = period
        self._sessions: set[Session] = set()

    def offer(self, group: LogGroup, stream: LogStream, events: Sequence[LogEvent], ingested: int) -> None:
        """Show events that were taken in to every session that wants them."""
        for session in self._sessions:
            session.offer(group, stream, events, ingested)

    async def start_live_tail(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        session = _session(ctx, given)
        owners = [(one.groups[0].account, one.groups[0].region) for one in self._sessions]
        if owners.count((ctx.account, ctx.region)) >= SESSIONS:
            raise log_errors.TooManySessions(SESSIONS)
        begun = {"requestId": ctx.request_id, "sessionId": ctx.ids.uuid(), **given}
        return {"responseStream": self._events(session, begun)}

    async def _events(self, session: Session, begun: dict[str, Any]) -> AsyncIterator[Event]:
        self._sessions.add(session)
        try:
            yield "sessionStart", begun
            for _ in range(int(SECONDS / self._period)):
                await asyncio.sleep(self._period)
                yield "sessionUpdate", session.update()
            yield "SessionTimeoutException", {"message": "The session has timed out: it was open for three hours."}
        finally:
            self._sessions.discard(session)


def _session(ctx: RequestContext, given: dict[str, Any]) -> Session:
    groups = tuple(_group(ctx, identifier) for identifier in given["logGroupIdentifiers"])
    names, prefixes = given.get("logStreamNames", []), given.get("logStreamNamePrefixes", [])
    if names and prefixes:
        raise errors.InvalidParameter("logStreamNames and logStreamNamePrefixes cannot both be given.")
    if (names or prefixes) and len(groups) > 1:
        raise errors.InvalidParameter("Log streams can be chosen only when logGroupIdentifiers names one log group.")
    pattern = log_pattern.parse(given.get("logEventFilterPattern", ""))
    return Session(groups, frozenset(names), tuple(prefixes), pattern)


def _group(ctx: RequestContext, identifier: str) -> LogGroup:
    """The group of this ARN, which may not end with an asterisk here."""
    arn = arns.parse(identifier)
    if arn is None or identifier.endswith("*"):
        raise errors.InvalidParameter(f"{identifier} is not the ARN of a log group, which logGroupIdentifiers must be.")
    group = ctx.world().get(LogGroup, (ctx.account, ctx.region, arn.resource.removeprefix("log-group:")))
    if group is None or group.arn != identifier:
        raise log_errors.LogGroupUnknown(identifier)
    return group
