"""DescribeAlarmHistory, and the writing down of what happened to an alarm while somebody looked.

An alarm that nobody looks at does not change (decision 193), so nothing is missing here that was seen elsewhere.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from moorage.api.context import RequestContext
from moorage.api.paging import page
from moorage.domain import alarm_history
from moorage.domain.alarm_history import METRIC, AlarmEvent
from moorage.domain.changes import Delete, Put, Write

PAGE: Final = 100
_STEP: Final = timedelta(milliseconds=1)
_DESCENDING: Final = "TimestampDescending"
Alarm = Mapping[str, Any]


async def note_state(ctx: RequestContext, alarm: Alarm, state: Mapping[str, str]) -> None:
    """Write down that the alarm changes to the state, if it is another."""
    if alarm["StateValue"] != state["StateValue"]:
        summary, data = alarm_history.state_changed(alarm, state)
        await _note(ctx, alarm, alarm_history.STATE, summary, data)


async def note_configuration(ctx: RequestContext, before: Alarm | None, after: Alarm | None) -> None:
    """Write down that the alarm was made (nothing before), changed, or deleted (nothing after)."""
    alarm = before if after is None else after
    if alarm is not None:
        summary, data = alarm_history.configured(alarm["AlarmName"], before, after)
        await _note(ctx, alarm, alarm_history.CONFIGURATION, summary, data)


async def _note(ctx: RequestContext, alarm: Alarm, what: str, summary: str, data: str) -> None:
    now = ctx.now()
    before = ctx.world().linked(AlarmEvent, "alarm", (ctx.account, ctx.region, alarm["AlarmName"]))
    event = AlarmEvent(
        account=ctx.account,
        region=ctx.region,
        alarm=alarm["AlarmName"],
        kind=alarm_history.kind_of(alarm),
        # Two events of an alarm within a millisecond stay in the order in which they happened.
        at=max([now, *(old.at + _STEP for old in before[-1:])]),
        id=ctx.ids.hex32(),
        type=what,
        summary=summary,
        data=data,
    )
    gone = [old for old in before if old.at < now - alarm_history.KEPT] or before[: -alarm_history.MOST + 1]
    writes: list[Write] = [Put(event), *(Delete(AlarmEvent.table, old.key) for old in gone)]
    await ctx.store.commit(writes, {})


async def describe_alarm_history(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("AlarmName")
    world, place = ctx.world(), (ctx.account, ctx.region)
    events = world.within(AlarmEvent, *place) if name is None else world.linked(AlarmEvent, "alarm", (*place, name))
    chosen = sorted((event for event in events if _asked_for(event, given)), key=lambda event: event.place)
    if given.get("ScanBy", _DESCENDING) == _DESCENDING:
        chosen.reverse()
        return _page(chosen, lambda event: _mirrored(event.place), given)
    return _page(chosen, lambda event: event.place, given)


def _page(events: Sequence[AlarmEvent], name: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    some = page(events, name, given.get("MaxRecords", PAGE), given.get("NextToken"))
    return {"AlarmHistoryItems": [_item(event) for event in some.records], **some.named()}


def _mirrored(text: str) -> str:
    """A text that sorts the other way round among others of its length."""
    return "".join(chr(0x7F - ord(letter)) for letter in text)


def _asked_for(event: AlarmEvent, given: Mapping[str, Any]) -> bool:
    return (
        event.kind in (given.get("AlarmTypes") or [METRIC])
        and given.get("HistoryItemType", event.type) == event.type
        and ("StartDate" not in given or event.at >= given["StartDate"])
        and ("EndDate" not in given or event.at <= given["EndDate"])
    )


def _item(event: AlarmEvent) -> dict[str, Any]:
    return {
        "AlarmName": event.alarm,
        "AlarmType": event.kind,
        "Timestamp": event.at,
        "HistoryItemType": event.type,
        "HistorySummary": event.summary,
        "HistoryData": event.data,
    }
