"""AlarmEvent: something that happened to a CloudWatch alarm and was seen here; its sentences and data as AWS has them.

Source: CloudWatch API reference, AlarmHistoryItem. What an alarm is and how its state follows are the neighbours'.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from moorage.domain.changes import Key, Link

CONFIGURATION: Final = "ConfigurationUpdate"
STATE: Final = "StateUpdate"
KEPT: Final = timedelta(days=30)
MOST: Final = 200
"""So many events of an alarm are kept at most; AWS names no number."""

METRIC: Final = "MetricAlarm"
COMPOSITE: Final = "CompositeAlarm"


@dataclass(frozen=True)
class AlarmEvent:
    """`kind` says what the alarm is, `type` what happened to it. `data` is JSON."""

    table: ClassVar[str] = "alarm_event"

    account: str
    region: str
    alarm: str
    kind: str
    at: datetime
    id: str
    type: str
    summary: str
    data: str

    @property
    def key(self) -> Key:
        # Keys sort as text: an alarm's events stand in the order of time.
        return (self.account, self.region, self.alarm, f"{int(self.at.timestamp() * 1000):015}", self.id)

    @property
    def place(self) -> str:
        """Where it stands among all events, by time."""
        return f"{self.key[3]} {self.id}"

    def links(self) -> tuple[Link, ...]:
        return (("alarm", self.key[:3]),)


def kind_of(alarm: Mapping[str, Any]) -> str:
    """What an alarm is, as CloudWatch describes it."""
    return COMPOSITE if "AlarmRule" in alarm else METRIC


def state_changed(before: Mapping[str, Any], state: Mapping[str, str]) -> tuple[str, str]:
    """Summary and data of a change of state; `before` is the alarm, `state` what SetAlarmState is given."""
    old = _state(before["StateValue"], before.get("StateReason", ""), before.get("StateReasonData"))
    new = _state(state["StateValue"], state["StateReason"], state.get("StateReasonData"))
    summary = f"Alarm updated from {before['StateValue']} to {state['StateValue']}"
    return summary, _json({"version": "1.0", "oldState": old, "newState": new})


def configured(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[str, str]:
    """Summary and data of an alarm's making, change or end."""
    if after is None:
        return f'Alarm "{name}" deleted', _json({"version": "1.0", "type": "Delete", "deletedAlarm": _alarm(before)})
    if before is None:
        return f'Alarm "{name}" created', _json({"version": "1.0", "type": "Create", "createdAlarm": _alarm(after)})
    return f'Alarm "{name}" updated', _json({"version": "1.0", "type": "Update", "updatedAlarm": _alarm(after)})


def _state(value: str, reason: str, data: str | None) -> dict[str, Any]:
    told = {"stateValue": value, "stateReason": reason}
    try:
        return told | ({"stateReasonData": json.loads(data)} if data else {})
    except ValueError:
        return told


def _alarm(described: Mapping[str, Any] | None) -> Any:
    return _small({name: value for name, value in (described or {}).items() if not isinstance(value, datetime)})


def _small(value: Any) -> Any:
    """Member names as the data has them, beginning with a small letter."""
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _small(inner) for name, inner in value.items() if name != "Tags"}
    return [_small(each) for each in value] if isinstance(value, list) else value


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"), default=str)
