"""Log events through the endpoint: put, read both ways, searched, expired."""

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
async def stream(call: Any) -> dict[str, str]:
    names = {"logGroupName": "g", "logStreamName": "s"}
    await call("create_log_group", logGroupName="g")
    await call("create_log_stream", **names)
    return names


def events(start: int, *messages: str) -> list[dict[str, Any]]:
    return [{"timestamp": start + index, "message": message} for index, message in enumerate(messages)]


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


async def test_events_come_back_in_time_with_the_moment_they_arrived(call: Any, clock: Any, stream: Any) -> None:
    now = clock.milliseconds
    await call("put_log_events", **stream, logEvents=events(now, "c", "d"))
    clock.move(seconds=1)
    await call("put_log_events", **stream, logEvents=events(now - 2, "a", "b"))
    found = await call("get_log_events", **stream, startFromHead=True)
    assert messages(found) == ["a", "b", "c", "d"]
    assert found["events"][0] == {"timestamp": now - 2, "message": "a", "ingestionTime": now + 1000}
    assert (await call("describe_log_groups"))["logGroups"][0]["storedBytes"] == 4 * 27


async def test_a_reader_follows_a_stream_by_its_token(call: Any, clock: Any, stream: Any) -> None:
    empty = await call("get_log_events", **stream, startFromHead=True)
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, "a", "b"))
    first = await call("get_log_events", **stream, nextToken=empty["nextForwardToken"], limit=1)
    second = await call("get_log_events", **stream, nextToken=first["nextForwardToken"])
    end = await call("get_log_events", **stream, nextToken=second["nextForwardToken"])
    assert [messages(page) for page in (empty, first, second, end)] == [[], ["a"], ["b"], []]
    assert end["nextForwardToken"] == second["nextForwardToken"]
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds + 5, "c"))
    assert messages(await call("get_log_events", **stream, nextToken=end["nextForwardToken"])) == ["c"]
    assert messages(await call("get_log_events", **stream, nextToken=end["nextBackwardToken"])) == ["a", "b"]


async def test_the_newest_events_come_first_and_the_way_leads_back(call: Any, clock: Any, stream: Any) -> None:
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, "a", "b", "c"))
    last = await call("get_log_events", **stream, limit=2)
    earlier = await call("get_log_events", **stream, limit=2, nextToken=last["nextBackwardToken"])
    start = await call("get_log_events", **stream, limit=2, nextToken=earlier["nextBackwardToken"])
    assert [messages(page) for page in (last, earlier, start)] == [["b", "c"], ["a"], []]
    assert start["nextBackwardToken"] == earlier["nextBackwardToken"]
    assert messages(await call("get_log_events", **stream, nextToken=start["nextForwardToken"])) == ["a", "b", "c"]


async def test_a_span_has_its_start_and_not_its_end(call: Any, clock: Any, stream: Any) -> None:
    now = clock.milliseconds
    await call("put_log_events", **stream, logEvents=events(now, "a", "b", "c"))
    assert messages(await call("get_log_events", **stream, startTime=now + 1, endTime=now + 2)) == ["b"]
    searched = await call("filter_log_events", logGroupName="g", startTime=now + 1, endTime=now + 2)
    assert messages(searched) == ["b"]


async def test_a_search_goes_through_all_streams_of_the_group_in_time(call: Any, clock: Any, stream: Any) -> None:
    now = clock.milliseconds
    await call("create_log_stream", logGroupName="g", logStreamName="t")
    await call("put_log_events", **stream, logEvents=events(now, "ok 1", "error one", "ok 2"))
    await call("put_log_events", logGroupName="g", logStreamName="t", logEvents=events(now + 1, "error two"))
    found = await call("filter_log_events", logGroupName="g", filterPattern="error")
    assert [(event["logStreamName"], event["message"]) for event in found["events"]] == [
        ("s", "error one"),
        ("t", "error two"),
    ]
    assert len({event["eventId"] for event in found["events"]}) == 2
    only = await call("filter_log_events", logGroupName="g", logStreamNames=["t"])
    assert messages(only) == ["error two"]
    assert messages(await call("filter_log_events", logGroupName="g", logStreamNamePrefix="x")) == []
    first = await call("filter_log_events", logGroupName="g", limit=3)
    rest = await call("filter_log_events", logGroupName="g", limit=3, nextToken=first["nextToken"])
    assert messages(first) + messages(rest) == ["ok 1", "error one", "error two", "ok 2"]
    assert "nextToken" not in rest


async def test_a_group_may_be_named_by_its_arn(call: Any, clock: Any, stream: Any) -> None:
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, "a"))
    arn = "arn:aws:logs:eu-west-1:000000000000:log-group:g"
    assert messages(await call("get_log_events", logGroupIdentifier=arn, logStreamName="s")) == ["a"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        await call("filter_log_events", logGroupIdentifier=arn.replace("eu-west-1", "eu-west-2"))


async def test_events_too_old_or_too_new_are_left_out_and_said(call: Any, clock: Any, stream: Any) -> None:
    now, day = clock.milliseconds, 86_400_000
    old = await call("put_log_events", **stream, logEvents=events(now - 14 * day - 1, "old", "in time"))
    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    new = await call("put_log_events", **stream, logEvents=events(now + 2 * 3_600_000, "in time", "new"))
    assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert messages(await call("get_log_events", **stream)) == ["in time", "in time"]


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [((1, 0), "must be in chronological order"), ((-86_400_001, 0), "cannot span more than 24 hours")],
)
async def test_a_batch_out_of_order_or_too_long_is_refused_whole(
    call: Any, clock: Any, stream: Any, offsets: tuple[int, ...], sentence: str
) -> None:
    batch = [{"timestamp": clock.milliseconds + offset, "message": "m"} for offset in offsets]
    with pytest.raises(ClientError, match=sentence):
        await call("put_log_events", **stream, logEvents=batch)
    assert messages(await call("get_log_events", **stream)) == []


async def test_events_expire_with_the_retention_of_their_group(call: Any, clock: Any, stream: Any) -> None:
    await call("put_retention_policy", logGroupName="g", retentionInDays=1)
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, "first"))
    clock.move(hours=23)
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, "second"))
    assert messages(await call("get_log_events", **stream)) == ["first", "second"]
    clock.move(hours=2)
    assert messages(await call("get_log_events", **stream)) == ["second"]
    assert messages(await call("filter_log_events", logGroupName="g")) == ["second"]
    late = await call("put_log_events", **stream, logEvents=events(clock.milliseconds - 25 * 3_600_000, "late"))
    assert late["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


async def test_an_answer_stays_below_its_size_and_the_rest_follows(call: Any, clock: Any, stream: Any) -> None:
    sent = [letter * 300_000 for letter in "abcdef"]
    for index, message in enumerate(sent):
        await call("put_log_events", **stream, logEvents=events(clock.milliseconds + index, message))
    first = await call("get_log_events", **stream, startFromHead=True)
    second = await call("get_log_events", **stream, nextToken=first["nextForwardToken"])
    assert (messages(first), messages(second)) == (sent[:3], sent[3:])
    last = await call("get_log_events", **stream)
    assert messages(last) == sent[3:]
    found = await call("filter_log_events", logGroupName="g")
    rest = await call("filter_log_events", logGroupName="g", nextToken=found["nextToken"])
    assert (messages(found), messages(rest)) == (sent[:3], sent[3:])


@pytest.mark.parametrize("token", ["x", "f/1", "f/a/1", "z/1/1", f"f/{10**19}/1"])
async def test_a_token_that_was_never_given_is_refused(call: Any, stream: Any, token: str) -> None:
    with pytest.raises(ClientError, match="nextToken is invalid"):
        await call("get_log_events", **stream, nextToken=token)


async def test_a_search_takes_patterns_over_json_and_columns_and_says_what_is_none(
    call: Any, clock: Any, stream: Any
) -> None:
    lines = (
        '{"status": 404, "path": "/x/1"}',
        '{"status": 200, "path": "/x/2"}',
        "10.0.0.1 GET 503",
        "503 from upstream",
    )
    await call("put_log_events", **stream, logEvents=events(clock.milliseconds, *lines))
    for pattern, wanted in (
        ('{ $.status >= 400 && $.path = "/x*" }', [lines[0]]),
        ("[ip, method, status = 5*]", [lines[2]]),
        (r"%50\d%", [lines[2], lines[3]]),
    ):
        found = await call("filter_log_events", logGroupName="g", filterPattern=pattern)
        assert messages(found) == wanted
    with pytest.raises(ClientError) as refused:
        await call("filter_log_events", logGroupName="g", filterPattern='{ $."a-b" = 1 }')
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


async def test_a_pattern_can_be_tried_on_messages(call: Any) -> None:
    tried = await call(
        "test_metric_filter",
        filterPattern="[ip, ..., status > 400]",
        logEventMessages=["1.1.1.1 x 200", "1.1.1.2 x y 404", "1.1.1.3 500"],
    )
    assert tried["matches"] == [
        {
            "eventNumber": 2,
            "eventMessage": "1.1.1.2 x y 404",
            "extractedValues": {"$ip": "1.1.1.2", "$2": "x", "$3": "y", "$status": "404"},
        },
        {
            "eventNumber": 3,
            "eventMessage": "1.1.1.3 500",
            "extractedValues": {"$ip": "1.1.1.3", "$status": "500"},
        },
    ]
