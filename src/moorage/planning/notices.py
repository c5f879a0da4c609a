"""Events of a service about single tasks: one waits for long, one's proxy was started again or refused something.

Pure; ECS has no such events. Each is told once: its words name the task and the cause, and are not repeated while
they are among the events that the service still has.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.task import Status, TaskState
from moorage.planning import sidecar

PATIENCE: Final[Mapping[Status, timedelta]] = {
    # A start takes seconds: only what takes longer is worth an event.
    Status.PENDING: timedelta(seconds=10),
    Status.RUNNING: timedelta(seconds=10),
    # Its clause speaks only of proxies that are late already. Draining, in STOPPING, is as it should be.
    Status.DEACTIVATING: timedelta(0),
}


@dataclass(frozen=True)
class Notices:
    """What is to be told now, without the service's name, and when to look again at the latest."""

    messages: tuple[str, ...] = ()
    wake: timedelta | None = None


def notices(states: Iterable[TaskState], told: Collection[str], now: datetime) -> Notices:
    """The notices about these tasks that are not among the messages `told` already."""
    messages, wakes = [], []
    for state in states:
        messages += [message for message in _at_once(state) if message not in told]
        due = _due(state, now)
        message = f"(task {state.id}) waits: {state.waiting}."
        if due is None or message in told:
            continue
        if due > timedelta(0):
            wakes.append(due)
        else:
            messages.append(message)
    return Notices(tuple(messages), min(wakes, default=None))


def _at_once(state: TaskState) -> Iterator[str]:
    for refusal in state.refused:
        yield f"(task {state.id}) has a Service Connect proxy that refused {refusal}."
    for container in state.containers:
        if container.restarts and sidecar.is_proxy(container.name):
            yield f"(task {state.id}) has a Service Connect proxy that {container.reason}."


def _due(state: TaskState, now: datetime) -> timedelta | None:
    """How long until the task has waited for long; None when it does not wait."""
    patience = PATIENCE.get(state.status)
    if not state.waiting or state.waiting_since is None or patience is None:
        return None
    return max(timedelta(0), state.waiting_since + patience - now)
