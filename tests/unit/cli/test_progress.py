"""The live view of a deployment that is taller than the screen."""

from datetime import UTC, datetime

from moorage.cli.event import Event
from moorage.cli.progress import fold

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(name: str, status: str) -> Event:
    return Event(at=NOON, status=status, kind="AWS::ECS::Service", name=name, physical_id="", reason="")


def names(events: list[Event]) -> str:
    return "".join(one.name for one in events)


def test_what_fits_is_shown_whole() -> None:
    events = [event(name, "CREATE_COMPLETE") for name in "abc"]
    assert fold(events, 3) == (0, events)


def test_what_is_done_gives_way_to_what_goes_on_or_failed() -> None:
    statuses = {"a": "DONE", "b": "CREATE_IN_PROGRESS", "c": "DONE", "d": "CREATE_FAILED", "e": "DONE", "f": "DONE"}
    events = [event(name, status) for name, status in statuses.items()]
    count, shown = fold(events, 5)
    assert (count, names(shown)) == (2, "bdef")
    count, shown = fold(events, 2)
    assert (count, names(shown)) == (4, "bd")
