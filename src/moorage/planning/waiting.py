"""What a task waits for, in a clause that a person understands; it becomes part of `moorage ps` and of service events.

Pure. The clause of one cause stays the same while nothing changes: each new one is a commit. When something has been
waited for long enough to be told is `notices`'s to say.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.task import Status, TaskState
from moorage.planning import dependencies, health
from moorage.planning.situation import Situation

PROMPT: Final = timedelta(seconds=1)
"""Proxies that acknowledge within this are not worth a word."""


def clause(situation: Situation, gate: timedelta | None) -> str:
    """What the task waits for now, or nothing; `gate` is how long it is kept from traffic if nothing changes."""
    match situation.state.status:
        case Status.PENDING:
            return _starting(situation)
        case Status.RUNNING:
            return _serving(situation, gate)
        case Status.DEACTIVATING:
            return _leaving(situation)
        case Status.STOPPING:
            return _draining(situation)
        case _:
            return ""


def _starting(situation: Situation) -> str:
    proxy, state = situation.proxy, situation.state
    if proxy is not None and not situation.proxy_ready:
        refused = f": it refused {situation.refused[0]}" if situation.refused else ""
        return f"its Service Connect proxy {proxy.container} is not ready yet{refused}"
    return "; ".join(dependencies.unmet(situation.definition, state))


def _serving(situation: Situation, gate: timedelta | None) -> str:
    state, proxy = situation.state, situation.proxy
    ended = state.container(proxy.container) if proxy is not None else None
    if ended is not None and ended.status == "PENDING":
        return "its Service Connect proxy is started again"
    if not gate or state.healthy_at is not None:
        return ""
    if not health.checked(situation.definition) and not (proxy is not None and proxy.ingress):
        return f"it has no health check; it counts as healthy at {_clock(situation.now + gate)} if it runs until then"
    why = _unhealthy(state) if health.checked(situation.definition) else _silent(situation)
    return f"{why}; it gets traffic at {_clock(situation.now + gate)} at the latest"


def _unhealthy(state: TaskState) -> str:
    return f"its container health check says {state.health}"


def _silent(situation: Situation) -> str:
    ingress = situation.proxy.ingress if situation.proxy is not None else ()
    silent = {listener.exposed.container_port for listener in ingress} - situation.listening
    return f"nothing of it listens on port {_listed(map(str, sorted(silent)))} yet"


def _leaving(situation: Situation) -> str:
    since = situation.state.deactivating_at or situation.now
    if not situation.holding or situation.now - since < PROMPT:
        return ""
    tasks = _listed(f"(task {task})" for task in sorted(situation.holding))
    until = _clock(since + situation.patience.acknowledgement)
    return f"the proxy of {tasks} has not let go of it; that is waited for until {until}"


def _draining(situation: Situation) -> str:
    state = situation.state
    if situation.proxy is None or not situation.proxy.ingress or state.drained_at is not None:
        return ""
    if state.deactivating_at is None or state.stopping_at is None:
        return ""
    return f"the requests that it holds may end until {_clock(state.stopping_at + situation.patience.drain)}"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
