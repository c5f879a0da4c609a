"""StartLiveTail through boto3: what arrives is shown, once a second, to whoever watches."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from moorage.api import live_tail
from moorage.api.live_tail import PER_SECOND, Session
from moorage.domain import log_pattern
from moorage.domain.logs import LogEvent, LogGroup, LogStream

ARN = "arn:aws:logs:eu-west-1:000000000000:log-group:{}"
GROUP = LogGroup("0", "eu-west-1", "shop", 0)


@pytest.fixture
async def group(call: Callable[..., Any]) -> str:
    await call("create_log_group", logGroupName="shop")
    for name in ("api/1", "web/1"):
        await call("create_log_stream", logGroupName="shop", logStreamName=name)
    return ARN.format("shop")


@pytest.fixture
def put(call: Callable[..., Any], clock: Any) -> Callable[..., Any]:
    async def put(stream: str, *messages: str) -> None:
        events = [{"timestamp": clock.milliseconds, "message": message} for message in messages]
        await call("put_log_events", logGroupName="shop", logStreamName=stream, logEvents=events)

    return put


async def watched(client: Any, act: Callable[[], Any], **given: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Begin a session, `act`, and read until something came: the session's start, and the events."""
    answer = await asyncio.to_thread(client.start_live_tail, **given)
    stream = answer["responseStream"]
    events = iter(stream)
    try:
        start = (await asyncio.to_thread(next, events))["sessionStart"]
        await act()
        while True:
            update = (await asyncio.to_thread(next, events))["sessionUpdate"]
            if update["sessionResults"]:
                return start, update["sessionResults"]
    finally:
        stream.close()


async def test_what_arrives_is_shown_with_its_stream_and_group(
    client: Any, group: str, put: Callable[..., Any], clock: Any
) -> None:
    await put("api/1", "before")
    start, events = await watched(client, lambda: put("api/1", "after"), logGroupIdentifiers=[group])
    assert start["logGroupIdentifiers"] == [group]
    assert start["sessionId"]
    assert events == [
        {
            "logStreamName": "api/1",
            "logGroupIdentifier": "000000000000:shop",
            "message": "after",
            "timestamp": clock.milliseconds,
            "ingestionTime": clock.milliseconds,
        }
    ]


async def test_a_pattern_and_a_prefix_choose(client: Any, group: str, put: Callable[..., Any]) -> None:
    async def act() -> None:
        await put("web/1", "ERROR in another stream")
        await put("api/1", "fine", "an ERROR")

    chosen = {"logStreamNamePrefixes": ["api/"], "logEventFilterPattern": "ERROR"}
    _, events = await watched(client, act, logGroupIdentifiers=[group], **chosen)
    assert [event["message"] for event in events] == ["an ERROR"]


async def test_there_is_a_limit_on_sessions_and_each_ends_with_its_watcher(client: Any, group: str) -> None:
    async def begin() -> Any:
        stream = (await asyncio.to_thread(client.start_live_tail, logGroupIdentifiers=[group]))["responseStream"]
        await asyncio.to_thread(next, iter(stream))
        return stream

    streams = [await begin() for _ in range(live_tail.SESSIONS)]
    with pytest.raises(ClientError, match="LimitExceededException"):
        await begin()
    for stream in streams:
        stream.close()
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(ClientError):
                (await begin()).close()
                return


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"logGroupIdentifiers": ["shop"]}, "InvalidParameterException"),
        ({"logGroupIdentifiers": [ARN.format("shop:*")]}, "InvalidParameterException"),
        ({"logGroupIdentifiers": [ARN.format("none")]}, "ResourceNotFoundException"),
        (
            {"logGroupIdentifiers": [ARN.format("shop")], "logStreamNames": ["a"], "logStreamNamePrefixes": ["b"]},
            "InvalidParameterException",
        ),
        (
            {"logGroupIdentifiers": [ARN.format("shop"), ARN.format("shop")], "logStreamNames": ["a"]},
            "InvalidParameterException",
        ),
    ],
)
async def test_what_cannot_be_watched_is_refused(client: Any, group: str, given: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(client.start_live_tail, **given)
    assert refused.value.response["Error"]["Code"] == code


def test_more_than_a_session_may_show_in_a_second_is_a_sample() -> None:
    session = Session((GROUP,), frozenset(), (), log_pattern.parse(""))
    stream = LogStream("0", "eu-west-1", "shop", "s", "id", 0)
    session.offer(GROUP, stream, [LogEvent(1, "x")] * (PER_SECOND + 1), 2)
    update = session.update()
    assert len(update["sessionResults"]) == PER_SECOND
    assert update["sessionMetadata"] == {"sampled": True}
    assert session.update() == {"sessionMetadata": {"sampled": False}, "sessionResults": []}
