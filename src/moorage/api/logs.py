"""CloudWatch Logs: groups, streams, retention and tags. Events are `log_events`' part.

The rules of names and numbers are `domain/logs`'; how much is kept in all is the archive's bound.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from moorage.api import paging
from moorage.api.context import RequestContext
from moorage.api.live_tail import LiveTail
from moorage.api.log_events import Archive, LogEvents, existing_group, group_named, milliseconds
from moorage.api.support_table import Supported
from moorage.domain import arns, errors, log_errors, logs
from moorage.domain.changes import ABSENT, Delete, Put
from moorage.domain.logs import LogGroup, LogStream, StreamSummary

_PAGE = 50


class Logs:
    """The operations on groups and streams; `archive` holds the events."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def create_log_group(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        logs.check_group_name(given["logGroupName"])
        group = LogGroup(
            account=ctx.account,
            region=ctx.region,
            name=given["logGroupName"],
            created_at=milliseconds(ctx),
            tags=logs.merged_tags({}, given.get("tags", {})),
        )
        if ctx.world().get(LogGroup, group.key) is not None:
            raise log_errors.LogGroupTaken(group.name)
        await ctx.store.commit([Put(group)], {(LogGroup.table, group.key): ABSENT})
        return {}

    async def delete_log_group(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = existing_group(ctx, given["logGroupName"])
        world = ctx.world()
        streams = world.linked(LogStream, "group", group.key)
        doomed = [Delete(LogGroup.table, group.key), *(Delete(LogStream.table, stream.key) for stream in streams)]
        await ctx.store.commit(doomed, {(LogGroup.table, group.key): world.version(LogGroup, group.key)})
        # A crash before this line loses nothing and shows nothing: no stream will ever have these ids again.
        await self._archive.forget([stream.id for stream in streams])
        return {}

    async def describe_log_groups(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        groups = _chosen_groups(ctx, given)
        page = paging.page(groups, lambda group: group.name, given.get("limit", _PAGE), given.get("nextToken"))
        return {"logGroups": [await self._group(ctx, group) for group in page.records], **page.named("nextToken")}

    async def _group(self, ctx: RequestContext, group: LogGroup) -> dict[str, Any]:
        streams = ctx.world().linked(LogStream, "group", group.key)
        held = await self._summaries(ctx, group, streams)
        shown = {
            "logGroupName": group.name,
            "creationTime": group.created_at,
            "metricFilterCount": 0,
            "arn": f"{group.arn}:*",
            "logGroupArn": group.arn,
            "logGroupClass": "STANDARD",
            "storedBytes": sum(summary.size for summary in held.values()),
        }
        return shown | ({"retentionInDays": group.retention_days} if group.retention_days else {})

    async def _summaries(
        self, ctx: RequestContext, group: LogGroup, streams: Sequence[LogStream]
    ) -> dict[str, StreamSummary]:
        return await self._archive.summaries([stream.id for stream in streams], group.oldest_kept(milliseconds(ctx)))

    async def put_retention_policy(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        logs.check_retention(given["retentionInDays"])
        await _change(ctx, existing_group(ctx, given["logGroupName"]), retention_days=given["retentionInDays"])
        return {}

    async def delete_retention_policy(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        await _change(ctx, existing_group(ctx, given["logGroupName"]), retention_days=0)
        return {}

    async def create_log_stream(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        logs.check_stream_name(given["logStreamName"])
        group = existing_group(ctx, given["logGroupName"])
        stream = LogStream(
            account=ctx.account,
            region=ctx.region,
            group=group.name,
            name=given["logStreamName"],
            id=ctx.ids.hex32(),
            created_at=milliseconds(ctx),
        )
        world = ctx.world()
        if world.get(LogStream, stream.key) is not None:
            raise log_errors.LogStreamTaken(stream.name)
        expect = {
            (LogStream.table, stream.key): ABSENT,
            (LogGroup.table, group.key): world.version(LogGroup, group.key),
        }
        await ctx.store.commit([Put(stream)], expect)
        return {}

    async def delete_log_stream(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = existing_group(ctx, given["logGroupName"])
        world = ctx.world()
        stream = world.get(LogStream, (*group.key, given["logStreamName"]))
        if stream is None:
            raise log_errors.LogStreamUnknown(given["logStreamName"])
        expect = {(LogStream.table, stream.key): world.version(LogStream, stream.key)}
        await ctx.store.commit([Delete(LogStream.table, stream.key)], expect)
        await self._archive.forget([stream.id])
        return {}

    async def describe_log_streams(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        group = group_named(ctx, given)
        by_time = given.get("orderBy", "LogStreamName") == "LastEventTime"
        prefix = given.get("logStreamNamePrefix", "")
        if by_time and prefix:
            raise errors.InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        streams = ctx.world().linked(LogStream, "group", group.key)
        streams = [stream for stream in streams if stream.name.startswith(prefix)]
        held = await self._summaries(ctx, group, streams)
        if by_time:
            streams.sort(key=lambda stream: held[stream.id].last if stream.id in held else 0)
        if given.get("descending", False):
            streams.reverse()
        some, token = _after(streams, given.get("nextToken"), given.get("limit", _PAGE))
        shown = [_stream(stream, held.get(stream.id)) for stream in some]
        return {"logStreams": shown} | ({"nextToken": token} if token else {})

    async def tag_resource(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        await _tag(ctx, _tagged(ctx, given), given["tags"])
        return {}

    async def untag_resource(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        await _untag(ctx, _tagged(ctx, given), given["tagKeys"])
        return {}

    async def list_tags_for_resource(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        return {"tags": _tagged(ctx, given).tags}

    async def tag_log_group(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        await _tag(ctx, existing_group(ctx, given["logGroupName"]), given["tags"])
        return {}

    async def untag_log_group(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        await _untag(ctx, existing_group(ctx, given["logGroupName"]), given["tags"])
        return {}

    async def list_tags_log_group(self, ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        return {"tags": existing_group(ctx, given["logGroupName"]).tags}


def _chosen_groups(ctx: RequestContext, given: dict[str, Any]) -> list[LogGroup]:
    prefix, pattern = given.get("logGroupNamePrefix", ""), given.get("logGroupNamePattern", "").lower()
    if prefix and pattern:
        raise errors.InvalidParameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    groups = ctx.world().within(LogGroup, ctx.account, ctx.region)
    named = given.get("logGroupIdentifiers")
    if named is not None:
        groups = [group for group in groups if group.name in named or group.arn in named]
    return [group for group in groups if group.name.startswith(prefix) and pattern in group.name.lower()]


def _stream(stream: LogStream, held: StreamSummary | None) -> dict[str, Any]:
    # AWS counts no bytes by stream any more: it says 0.
    shown = {
        "logStreamName": stream.name,
        "creationTime": stream.created_at,
        "arn": stream.arn,
        "storedBytes": 0,
        "uploadSequenceToken": stream.id,
    }
    if held is None:
        return shown
    times = {"firstEventTimestamp": held.first, "lastEventTimestamp": held.last, "lastIngestionTime": held.ingested}
    return shown | times


def _after(streams: Sequence[LogStream], token: str | None, size: int) -> tuple[Sequence[LogStream], str]:
    """The streams after the one that the token names, in whatever order they are, and the token for the next."""
    start = 0
    if token is not None:
        names = [stream.name for stream in streams]
        if token not in names:
            raise errors.InvalidParameter("The specified nextToken is invalid.")
        start = names.index(token) + 1
    some = streams[start : start + size]
    return some, some[-1].name if start + size < len(streams) else ""


def _tagged(ctx: RequestContext, given: dict[str, Any]) -> LogGroup:
    arn = arns.parse(given["resourceArn"])
    if arn is None or arn.service != "logs" or not arn.resource.startswith("log-group:"):
        raise errors.InvalidParameter(
            f"'{given['resourceArn']}' is not the ARN of a log group; others have no tags here."
        )
    if (arn.account, arn.region) != (ctx.account, ctx.region):
        raise log_errors.LogGroupUnknown(given["resourceArn"])
    return existing_group(ctx, arn.resource.removeprefix("log-group:"))


async def _tag(ctx: RequestContext, group: LogGroup, tags: dict[str, str]) -> None:
    await _change(ctx, group, tags=logs.merged_tags(group.tags, tags))


async def _untag(ctx: RequestContext, group: LogGroup, keys: Sequence[str]) -> None:
    await _change(ctx, group, tags={key: value for key, value in group.tags.items() if key not in keys})


async def _change(ctx: RequestContext, group: LogGroup, **changes: Any) -> None:
    changed = replace(group, **changes)
    if changed != group:
        expect = {(LogGroup.table, group.key): ctx.world().version(LogGroup, group.key)}
        await ctx.store.commit([Put(changed)], expect)


def operations(archive: Archive) -> dict[str, Supported]:
    """The rows of the support table. What a group may be beside STANDARD costs or encrypts: that is refused."""
    ours, events = Logs(archive), LogEvents(archive, LiveTail())
    return events.rows() | {
        "CreateLogGroup": Supported(
            ours.create_log_group,
            real="logGroupName tags.*",
            only={"logGroupClass": ("STANDARD",), "deletionProtectionEnabled": (False,)},
        ),
        "DeleteLogGroup": Supported(ours.delete_log_group, real="logGroupName"),
        "DescribeLogGroups": Supported(
            ours.describe_log_groups,
            real="logGroupNamePrefix logGroupNamePattern logGroupIdentifiers limit nextToken",
            only={"logGroupClass": ("STANDARD",), "includeLinkedAccounts": (False,)},
        ),
        "PutRetentionPolicy": Supported(ours.put_retention_policy, real="logGroupName retentionInDays"),
        "DeleteRetentionPolicy": Supported(ours.delete_retention_policy, real="logGroupName"),
        "CreateLogStream": Supported(ours.create_log_stream, real="logGroupName logStreamName"),
        "DeleteLogStream": Supported(ours.delete_log_stream, real="logGroupName logStreamName"),
        "DescribeLogStreams": Supported(
            ours.describe_log_streams,
            real="logGroupName logGroupIdentifier logStreamNamePrefix orderBy descending limit nextToken",
        ),
        "TagResource": Supported(ours.tag_resource, real="resourceArn tags.*"),
        "UntagResource": Supported(ours.untag_resource, real="resourceArn tagKeys"),
        "ListTagsForResource": Supported(ours.list_tags_for_resource, real="resourceArn"),
        "TagLogGroup": Supported(ours.tag_log_group, real="logGroupName tags.*"),
        "UntagLogGroup": Supported(ours.untag_log_group, real="logGroupName tags"),
        "ListTagsLogGroup": Supported(ours.list_tags_log_group, real="logGroupName"),
    }
