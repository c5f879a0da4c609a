"""Log groups, their streams, and the events in them; the rules of names, retention and batches of events.

Groups and streams are records of the World. Events are too many for that: they are kept beside it, by the stream's
own id, so that a stream made again under the name of a deleted one starts empty. Limits follow the CloudWatch Logs
API reference.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from moorage.domain import arns, errors, log_errors
from moorage.domain.changes import Key, Link

RETENTION_DAYS: Final = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
DAY_MS: Final = 24 * 60 * 60 * 1000
MAX_TAGS: Final = 50
MAX_BATCH_BYTES: Final = 1 << 20
EVENT_OVERHEAD: Final = 26
"""What an event costs beside its text, when a batch is measured."""

_MAX_AGE_MS: Final = 14 * DAY_MS
_MAX_AHEAD_MS: Final = 2 * 60 * 60 * 1000
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]+", re.ASCII)
_STREAM_NAME = re.compile(r"[^:*]+")


@dataclass(frozen=True)
class LogGroup:
    """`retention_days` 0: its events are kept for as long as there is room."""

    table: ClassVar[str] = "log_group"

    account: str
    region: str
    name: str
    created_at: int
    retention_days: int = 0
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return str(arns.Arn("logs", self.region, self.account, f"log-group:{self.name}"))

    def links(self) -> tuple[Link, ...]:
        return ()

    def oldest_kept(self, now: int) -> int:
        """Events before this instant have expired."""
        return now - self.retention_days * DAY_MS if self.retention_days else 0


@dataclass(frozen=True)
class LogStream:
    """`id` is the stream's own and never used again. Times are milliseconds since the epoch, as in the API."""

    table: ClassVar[str] = "log_stream"

    account: str
    region: str
    group: str
    name: str
    id: str
    created_at: int

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.group, self.name)

    @property
    def arn(self) -> str:
        return str(arns.Arn("logs", self.region, self.account, f"log-group:{self.group}:log-stream:{self.name}"))

    def links(self) -> tuple[Link, ...]:
        return (("group", self.key[:3]),)


@dataclass(frozen=True)
class LogEvent:
    """A line as it was sent: when it says it happened, and its text."""

    timestamp: int
    message: str

    @property
    def size(self) -> int:
        return len(self.message.encode()) + EVENT_OVERHEAD


@dataclass(frozen=True, order=True)
class Position:
    """Where an event stands among others: by its time, then by its arrival."""

    timestamp: int
    id: int


@dataclass(frozen=True)
class StoredEvent:
    """An event as it is kept. `stream` is the stream's id."""

    stream: str
    position: Position
    ingested: int
    message: str


@dataclass(frozen=True)
class Span:
    """The events of some streams from `start` to just before `end`, strictly after one position or before another."""

    streams: tuple[str, ...]
    start: int
    end: int
    after: Position | None = None
    before: Position | None = None


@dataclass(frozen=True)
class StreamSummary:
    """What a stream holds: the times of its first and last event, of its last arrival, and its size."""

    first: int
    last: int
    ingested: int
    size: int


@dataclass(frozen=True)
class Batch:
    """A batch after the events were sorted out that AWS does not take: old ones lead it, new ones end it."""

    accepted: tuple[LogEvent, ...]
    too_old: int
    expired: int
    too_new: int | None


def check_group_name(name: str) -> None:
    """InvalidParameter unless a log group may have this name."""
    if not _GROUP_NAME.fullmatch(name):
        raise errors.InvalidParameter(
            f"1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"
        )
    if name.startswith("aws/"):
        raise errors.InvalidParameter("Log groups starting with AWS/ are reserved for AWS.")


def check_stream_name(name: str) -> None:
    """InvalidParameter unless a log stream may have this name."""
    if not _STREAM_NAME.fullmatch(name):
        raise errors.InvalidParameter(
            f"1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [^:*]*"
        )


def check_retention(days: int) -> None:
    """InvalidParameter unless it is one of the retention times that there are."""
    if days not in RETENTION_DAYS:
        allowed = ", ".join(str(known) for known in sorted(RETENTION_DAYS))
        raise errors.InvalidParameter(f"The retention of {days} days is not one of {allowed}.")


def merged_tags(tags: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """`tags` with `more` over them; TooManyLogTags when these are too many."""
    merged = {**tags, **more}
    if len(merged) > MAX_TAGS:
        raise log_errors.TooManyLogTags(MAX_TAGS)
    return merged


def sort_out(events: Sequence[LogEvent], group: LogGroup, now: int) -> Batch:
    """Which events of a batch are taken; InvalidParameter when the batch as a whole is not."""
    times = [event.timestamp for event in events]
    if times != sorted(times):
        raise errors.InvalidParameter("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > DAY_MS:
        raise errors.InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    size = sum(event.size for event in events)
    if size > MAX_BATCH_BYTES:
        raise errors.InvalidParameter(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH_BYTES}")
    too_old = sum(time < now - _MAX_AGE_MS for time in times)
    expired = sum(time < group.oldest_kept(now) for time in times)
    new = sum(time > now + _MAX_AHEAD_MS for time in times)
    taken = events[max(too_old, expired) : len(events) - new]
    return Batch(tuple(taken), too_old, expired, len(events) - new if new else None)
