"""Log groups and streams through the endpoint."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

ARN = "arn:aws:logs:eu-west-1:000000000000:log-group:"


async def refused(call: Any, operation: str, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        await call(operation, **arguments)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


async def test_a_group_is_described_as_it_was_created(call: Any, clock: Any) -> None:
    await call("create_log_group", logGroupName="/ecs/web", tags={"team": "a"})
    groups = await call("describe_log_groups")
    assert groups == {
        "logGroups": [
            {
                "logGroupName": "/ecs/web",
                "creationTime": clock.milliseconds,
                "metricFilterCount": 0,
                "arn": f"{ARN}/ecs/web:*",
                "logGroupArn": f"{ARN}/ecs/web",
                "logGroupClass": "STANDARD",
                "storedBytes": 0,
            }
        ]
    }
    assert await call("list_tags_for_resource", resourceArn=f"{ARN}/ecs/web") == {"tags": {"team": "a"}}


async def test_a_name_is_given_once_and_free_again_after_deletion(call: Any) -> None:
    await call("create_log_group", logGroupName="g")
    assert await refused(call, "create_log_group", logGroupName="g") == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    await call("delete_log_group", logGroupName="g")
    await call("create_log_group", logGroupName="g")


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("delete_log_group", {}),
        ("put_retention_policy", {"retentionInDays": 7}),
        ("delete_retention_policy", {}),
        ("create_log_stream", {"logStreamName": "s"}),
        ("describe_log_streams", {}),
        ("get_log_events", {"logStreamName": "s"}),
        ("filter_log_events", {}),
        ("put_log_events", {"logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]}),
    ],
)
async def test_an_unknown_group_is_an_error(call: Any, operation: str, arguments: dict[str, Any]) -> None:
    assert await refused(call, operation, logGroupName="g", **arguments) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


async def test_groups_are_found_by_prefix_pattern_and_identifier_and_come_in_pages(call: Any) -> None:
    for name in ("a-web", "b-Web", "b-db"):
        await call("create_log_group", logGroupName=name)

    async def names(**arguments: Any) -> list[str]:
        found = await call("describe_log_groups", **arguments)
        return [group["logGroupName"] for group in found["logGroups"]]

    assert await names(logGroupNamePrefix="b-") == ["b-Web", "b-db"]
    assert await names(logGroupNamePattern="web") == ["a-web", "b-Web"]
    assert await names(logGroupIdentifiers=["a-web", f"{ARN}b-db"]) == ["a-web", "b-db"]
    first = await call("describe_log_groups", limit=2)
    assert [group["logGroupName"] for group in first["logGroups"]] == ["a-web", "b-Web"]
    assert await names(limit=2, nextToken=first["nextToken"]) == ["b-db"]


async def test_retention_is_one_of_the_times_that_there_are(call: Any) -> None:
    await call("create_log_group", logGroupName="g")
    code, message = await refused(call, "put_retention_policy", logGroupName="g", retentionInDays=8)
    assert (code, "8 days" in message) == ("InvalidParameterException", True)
    await call("put_retention_policy", logGroupName="g", retentionInDays=7)
    assert (await call("describe_log_groups"))["logGroups"][0]["retentionInDays"] == 7
    await call("delete_retention_policy", logGroupName="g")
    assert "retentionInDays" not in (await call("describe_log_groups"))["logGroups"][0]


async def test_what_is_not_kept_is_refused_by_name(call: Any) -> None:
    for arguments in ({"kmsKeyId": "k"}, {"logGroupClass": "INFREQUENT_ACCESS"}, {"deletionProtectionEnabled": True}):
        code, message = await refused(call, "create_log_group", logGroupName="g", **arguments)
        assert code == "InvalidParameterException"
        assert next(iter(arguments)) in message
    assert (await call("describe_log_groups"))["logGroups"] == []


async def test_tags_are_added_and_taken_away_by_both_families_of_operations(call: Any) -> None:
    await call("create_log_group", logGroupName="g")
    await call("tag_resource", resourceArn=f"{ARN}g", tags={"a": "1", "b": "2"})
    await call("tag_log_group", logGroupName="g", tags={"b": "3", "c": "4"})
    assert (await call("list_tags_log_group", logGroupName="g"))["tags"] == {"a": "1", "b": "3", "c": "4"}
    await call("untag_resource", resourceArn=f"{ARN}g", tagKeys=["a"])
    await call("untag_log_group", logGroupName="g", tags=["b"])
    assert (await call("list_tags_for_resource", resourceArn=f"{ARN}g"))["tags"] == {"c": "4"}
    many = {f"k{number}": "v" for number in range(50)}
    assert (await refused(call, "tag_resource", resourceArn=f"{ARN}g", tags=many))[0] == "TooManyTagsException"


async def test_streams_come_by_name_or_by_last_event(call: Any, clock: Any) -> None:
    await call("create_log_group", logGroupName="g")
    for name in ("a", "b", "c"):
        await call("create_log_stream", logGroupName="g", logStreamName=name)
    now = clock.milliseconds
    for name, when in (("a", now - 10), ("b", now), ("c", now - 20)):
        event = {"timestamp": when, "message": "m"}
        await call("put_log_events", logGroupName="g", logStreamName=name, logEvents=[event])

    async def names(**arguments: Any) -> list[str]:
        found = await call("describe_log_streams", logGroupName="g", **arguments)
        return [stream["logStreamName"] for stream in found["logStreams"]]

    assert await names() == ["a", "b", "c"]
    assert await names(descending=True) == ["c", "b", "a"]
    assert await names(orderBy="LastEventTime", descending=True) == ["b", "a", "c"]
    first = await call("describe_log_streams", logGroupName="g", descending=True, limit=2)
    assert await names(descending=True, limit=2, nextToken=first["nextToken"]) == ["a"]
    stream = (await call("describe_log_streams", logGroupName="g", logStreamNamePrefix="b"))["logStreams"][0]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"], stream["lastIngestionTime"]) == (now, now, now)
    assert stream["arn"] == f"{ARN}g:log-stream:b"


async def test_a_stream_made_again_starts_empty(call: Any, clock: Any) -> None:
    await call("create_log_group", logGroupName="g")
    for _ in range(2):
        await call("create_log_stream", logGroupName="g", logStreamName="s")
        assert (await call("get_log_events", logGroupName="g", logStreamName="s"))["events"] == []
        event = {"timestamp": clock.milliseconds, "message": "m"}
        await call("put_log_events", logGroupName="g", logStreamName="s", logEvents=[event])
        await call("delete_log_stream", logGroupName="g", logStreamName="s")
    assert await refused(call, "get_log_events", logGroupName="g", logStreamName="s") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )
