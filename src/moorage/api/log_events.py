"""CloudWatch Logs: events in, events out, by stream or by search through a group.

Where events are kept is the Archive's affair; which words a pattern matches is `domain/log_pattern`'s.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from moorage.api.context import RequestContext
from moorage.api.live_tail import LiveTail
from moorage.api.support_table import Supported
from moorage.domain import arns, errors, log_errors, log_pattern, logs
from moorage.domain.logs import Batch, LogEvent, LogGroup, LogStream, Position, Span, StoredEvent, StreamSummary

MAX_EVENTS = 10_000
MAX_ANSWER_BYTES = 1 << 20
_FOREVER = 1 << 62
_TOKEN = re.compile(r"([fb])/(\d{1,18})/(\d{1,18})", re.ASCII)
_SCAN = 2_000
_SCANS = 10
"""A search that finds little answers after so many scans of so many events, with a token to go on."""


class Archive(Protocol):
    """Keeps events by the ids of their streams, on disk and within a bound."""

    async def append(self, stream: str, events: Sequence[LogEvent], ingested: int, oldest: int) -> None:
        """Add events to a stream; those of it that are older than `oldest` go."""

    async def read(self, span: Span, limit: int, newest: bool = False) -> list[StoredEvent]:
        """At most `limit` events of the span in their order: the first ones, or with `newest` the last ones."""

    async def summaries(self, streams: Sequence[str], oldest: int) -> dict[str, StreamSummary]:
        """What each of the streams holds from `oldest` on; a stream without events is not among them."""

    async def forget(self, streams: Sequence[str]) -> None:
        """Take away all events of these streams."""


@dataclass(frozen=True)
class _Found:
    """What a search found, and where it goes on; None when it is through."""

    events: list[StoredEvent]
    next: Position | None


class LogEvents:
    """The operations on events."""

    def __init__(self, archive: Archive, tail: LiveTail) -> None:
        self._archive = archive
        self._tail = tail

    def rows(self) -> dict[str, Supported]:
        """Their rows in the support table. Nothing is ever masked here, so there is nothing to unmask."""
        return {
            "PutLogEvents": Supported(
                self.put_log_events,
                real="logGroupName logStreamName logEvents.timestamp logEvents.message",
                # AWS has ignored it since 2023, and so has every reader.
                recorded="sequenceToken",
            ),
            "GetLogEvents": Supported(
                self.get_log_events,
                real="logGroupName logGroupIdentifier logStreamName startTime endTime nextToken limit startFromHead",
                only={"unmask": (False,)},
            ),
            "StartLiveTail": Supported(
                self._tail.start_live_tail,
                real="logGroupIdentifiers logStreamNames logStreamNamePrefixes logEventFilterPattern",
            ),
            "TestMetricFilter": Supported(self.test_metric_filter, real="filterPattern logEventMessages"),
            "FilterLogEvents": Supported(
                self.filter_log_events,
                real="logGroupName logGroupIdentifier logStreamNames logStreamNamePrefix startTime endTime "
                "filterPattern nextToken limit",
                # Events of all streams have come interleaved since 2019, whatever is asked for.
                recorded="interleaved",
                only={"unmask": (False,), "startFromHead": (True,)},
            ),
        }

    async def put_log_events(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = existing_group(ctx, given["logGroupName"])
        stream = _stream(ctx, group, given["logStreamName"])
        now = milliseconds(ctx)
        events = [LogEvent(event["timestamp"], event["message"]) for event in given["logEvents"]]
        batch = logs.sort_out(events, group, now)
        if batch.accepted:
            await self._archive.append(stream.id, batch.accepted, now, group.oldest_kept(now))
            self._tail.offer(group, stream, batch.accepted, now)
        rejected = _rejected(batch)
        return {"nextSequenceToken": stream.id} | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    async def get_log_events(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = group_named(ctx, given)
        stream = _stream(ctx, group, given["logStreamName"])
        span = _span(ctx, group, [stream], given)
        newest = not given.get("startFromHead", False)
        token = given.get("nextToken")
        if token is not None:
            direction, position = _position(token)
            newest = direction == "b"
            span = replace(span, before=position) if newest else replace(span, after=position)
        events = await self._archive.read(span, given.get("limit", MAX_EVENTS), newest)
        events = _fitting(events[::-1])[::-1] if newest else _fitting(events)
        return {"events": [_event(event) for event in events], **_tokens(events, span)}

    async def filter_log_events(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = group_named(ctx, given)
        pattern = log_pattern.parse(given.get("filterPattern", ""))
        streams = _chosen_streams(ctx, group, given)
        span = _span(ctx, group, streams, given)
        if "nextToken" in given:
            span = replace(span, after=_position(given["nextToken"])[1])
        found = await self._search(span, pattern.matches, given.get("limit", MAX_EVENTS))
        names = {stream.id: stream.name for stream in streams}
        shown = [
            _event(event) | {"logStreamName": names[event.stream], "eventId": _id(event)} for event in found.events
        ]
        token = {"nextToken": _token("f", found.next)} if found.next is not None else {}
        return {"events": shown, "searchedLogStreams": [], **token}

    async def test_metric_filter(self, _ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        pattern = log_pattern.parse(given["filterPattern"])
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extracted(message)}
            for number, message in enumerate(given["logEventMessages"], 1)
            if pattern.matches(message)
        ]
        return {"matches": matches}

    async def _search(self, span: Span, matches: Callable[[str], bool], limit: int) -> _Found:
        found: list[StoredEvent] = []
        room = MAX_ANSWER_BYTES
        for _ in range(_SCANS if span.streams else 0):
            scanned = await self._archive.read(span, _SCAN)
            for event in scanned:
                if not matches(event.message):
                    continue
                room -= _size(event)
                if found and (room < 0 or len(found) == limit):
                    return _Found(found, found[-1].position)
                found.append(event)
            if len(scanned) < _SCAN:
                return _Found(found, None)
            span = replace(span, after=scanned[-1].position)
        return _Found(found, span.after)


def milliseconds(ctx: RequestContext) -> int:
    """Now, as the API counts time."""
    return int(ctx.now().timestamp() * 1000)


def existing_group(ctx: RequestContext, name: str) -> LogGroup:
    """The group of this name; LogGroupUnknown."""
    group = ctx.world().get(LogGroup, (ctx.account, ctx.region, name))
    if group is None:
        raise log_errors.LogGroupUnknown(name)
    return group


def group_named(ctx: RequestContext, given: dict[str, Any]) -> LogGroup:
    """The group that `logGroupName` or `logGroupIdentifier` names, the latter by name or ARN."""
    if ("logGroupName" in given) == ("logGroupIdentifier" in given):
        raise errors.InvalidParameter("Exactly one of logGroupName and logGroupIdentifier must be given.")
    if "logGroupName" in given:
        return existing_group(ctx, given["logGroupName"])
    identifier = given["logGroupIdentifier"]
    arn = arns.parse(identifier)
    if arn is None:
        return existing_group(ctx, identifier)
    group = existing_group(ctx, arn.resource.removeprefix("log-group:"))
    if group.arn != identifier:
        raise log_errors.LogGroupUnknown(identifier)
    return group


def _stream(ctx: RequestContext, group: LogGroup, name: str) -> LogStream:
    stream = ctx.world().get(LogStream, (*group.key, name))
    if stream is None:
        raise log_errors.LogStreamUnknown(name)
    return stream


def _chosen_streams(ctx: RequestContext, group: LogGroup, given: dict[str, Any]) -> list[LogStream]:
    if "logStreamNames" in given and "logStreamNamePrefix" in given:
        raise errors.InvalidParameter("logStreamNames and logStreamNamePrefix cannot both be given.")
    if "logStreamNames" in given:
        return [_stream(ctx, group, name) for name in dict.fromkeys(given["logStreamNames"])]
    prefix = given.get("logStreamNamePrefix", "")
    streams = ctx.world().linked(LogStream, "group", group.key)
    return [stream for stream in streams if stream.name.startswith(prefix)]


def _span(ctx: RequestContext, group: LogGroup, streams: Sequence[LogStream], given: dict[str, Any]) -> Span:
    start = max(given.get("startTime", 0), group.oldest_kept(milliseconds(ctx)))
    end = given.get("endTime", _FOREVER)
    return Span(tuple(stream.id for stream in streams), min(start, _FOREVER), min(end, _FOREVER))


def _rejected(batch: Batch) -> dict[str, int]:
    rejected = {"tooOldLogEventEndIndex": batch.too_old, "expiredLogEventEndIndex": batch.expired}
    shown = {name: index for name, index in rejected.items() if index}
    return shown if batch.too_new is None else shown | {"tooNewLogEventStartIndex": batch.too_new}


def _fitting(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """As many of the events, from the first on, as one answer may hold; one in any case."""
    room = MAX_ANSWER_BYTES
    for index, event in enumerate(events):
        room -= _size(event)
        if room < 0 and index:
            return list(events[:index])
    return list(events)


def _size(event: StoredEvent) -> int:
    return len(event.message.encode()) + logs.EVENT_OVERHEAD


def _event(event: StoredEvent) -> dict[str, Any]:
    return {"timestamp": event.position.timestamp, "ingestionTime": event.ingested, "message": event.message}


def _id(event: StoredEvent) -> str:
    return f"{event.position.timestamp:028d}{event.position.id:028d}"


def _tokens(events: Sequence[StoredEvent], span: Span) -> dict[str, str]:
    """Where to go on, both ways. At either end a reader gets the token back that it came with, and so knows."""
    if events:
        first, last = events[0].position, events[-1].position
    elif span.after is not None:
        # Backwards from here comes the event that this place was named after, so it stands just before the place.
        first, last = replace(span.after, id=span.after.id + 1), span.after
    elif span.before is not None:
        first, last = span.before, replace(span.before, id=max(0, span.before.id - 1))
    else:
        first = last = Position(0, 0)
    return {"nextForwardToken": _token("f", last), "nextBackwardToken": _token("b", first)}


def _token(direction: str, position: Position) -> str:
    return f"{direction}/{position.timestamp}/{position.id}"


def _position(token: str) -> tuple[str, Position]:
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise errors.InvalidParameter("The specified nextToken is invalid.")
    return parts[1], Position(int(parts[2]), int(parts[3]))
