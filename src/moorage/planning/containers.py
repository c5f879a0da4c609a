"""The next steps of one task: what was seen is folded into its state, the state moves by the table, actions follow.

Pure: a Situation in, Steps out. Rules: start and stop order, the health gate and draining are those of
docs/reference/service-connect.md section 2.6; dependsOn, essential and timeouts those of the ECS task definition.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.task import (
    TRANSITIONS,
    ContainerState,
    Status,
    Step,
    Stop,
    StopCode,
    Task,
    TaskState,
)
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.planning import dependencies, health, restarting, waiting
from moorage.planning.actions import ContainerObservation, ContainerPhase, TaskObservation
from moorage.planning.sidecar import Proxy
from moorage.planning.situation import Action, Drain, Forget, Prepare, Remove, Signal, Situation, Start, Steps

SOON: Final = timedelta(milliseconds=25)
"""How long to wait before looking again at something that sends no word when it is done (a proxy's readiness)."""
LATER: Final = timedelta(seconds=10)
"""A slow look at a task that is on its way, in case what it waits for sent no word."""
RETENTION: Final = timedelta(hours=1)
"""How long a STOPPED task is still described."""
SETTLE: Final = timedelta(milliseconds=200)
"""From the last acknowledgement until a proxy's workers surely use it, too."""


def next_steps(situation: Situation) -> Steps:
    """Fold what was seen into the state, move it as far as the table allows, and say what to do there."""
    state = _observe(situation)
    while (step := _due(replace(situation, state=state))) is not None:
        state = _enter(replace(situation, state=state), step)
    state = _through_health_gate(replace(situation, state=state))
    here = replace(situation, state=state)
    actions, wake = _ACTIONS[state.status](here)
    return Steps(_with_notes(here, _mark_asked(state, actions, situation.now)), actions, wake)


def could_not_start(state: TaskState, container: str | None, reason: str, now: datetime) -> TaskState:
    """The state after the runtime refused to prepare the task or to start one of its containers."""
    stop = state.stop or Stop(StopCode.TASK_FAILED_TO_START, reason, now)
    containers = tuple(
        replace(c, status="STOPPED", reason=reason, stopped_at=now) if c.name == container else c
        for c in state.containers
    )
    return replace(state, stop=stop, containers=containers, version=state.version + 1)


def first_state(task: Task, definition: TaskDefinition, proxy: Proxy | None) -> TaskState:
    """What is known of a task before anything was seen of it."""
    names = [container.name for container in definition.containers] + ([proxy.container] if proxy else [])
    containers = tuple(ContainerState(name) for name in names)
    return TaskState(task.account, task.region, task.cluster, task.id, containers=containers)


# --- what was seen --------------------------------------------------------------------------------------------------


def _observe(situation: Situation) -> TaskState:
    state, observation = situation.state, situation.observation
    if observation is None:
        return _lost(state, situation.now) if state.address is not None else state
    containers = tuple(_placed(_seen(c, observation.containers.get(c.name)), observation) for c in state.containers)
    seen = replace(state, containers=containers)
    if observation.address is not None:
        seen = replace(seen, address=observation.address, host_address=observation.host_address)
        seen = replace(seen, bindings=observation.bindings)
    seen = replace(seen, health=health.of_task(situation.definition, containers))
    seen = restarting.with_restart(situation, seen)
    return seen if seen == state else replace(seen, version=state.version + 1)


def _placed(state: ContainerState, observation: TaskObservation) -> ContainerState:
    address = observation.addresses.get(state.name, state.address)
    return state if address == state.address else replace(state, address=address)


def _seen(state: ContainerState, observation: ContainerObservation | None) -> ContainerState:
    if observation is None or observation.phase is ContainerPhase.CREATED or restarting.is_former(state, observation):
        return state
    return replace(
        state,
        status="RUNNING" if observation.phase is ContainerPhase.RUNNING else "STOPPED",
        runtime_id=observation.runtime_id,
        started_at=observation.started_at,
        stopped_at=observation.stopped_at,
        exit_code=observation.exit_code,
        reason=observation.reason or state.reason,
        health=str(observation.health),
        image_digest=observation.image_digest,
    )


def _lost(state: TaskState, now: datetime) -> TaskState:
    """The runtime knows nothing of a task that had a network: it ended with the runtime."""
    if state.status in (Status.DEPROVISIONING, Status.STOPPED) or all(c.status == "STOPPED" for c in state.containers):
        return state
    reason = "The container ended together with the runtime that ran it."
    containers = tuple(
        c if c.status == "STOPPED" else replace(c, status="STOPPED", stopped_at=now, reason=reason)
        for c in state.containers
    )
    return replace(state, containers=containers, version=state.version + 1)


def _through_health_gate(situation: Situation) -> TaskState:
    """Note when the task first counted as healthy: from then on it is in the registry."""
    state = situation.state
    if state.healthy_at is not None or state.status is not Status.RUNNING:
        return state
    left = _gate(replace(situation, state=state))
    if left is None or left > timedelta(0):
        return state
    return replace(state, healthy_at=situation.now, version=state.version + 1)


def _gate(situation: Situation) -> timedelta | None:
    """How long the task is kept from traffic if nothing changes; None while it is not up."""
    state, proxy = situation.state, situation.proxy
    if state.started_at is None or state.healthy_at or health.checked(situation.definition):
        return health.opens_in(situation.definition, state, situation.now)
    waited = situation.now - state.started_at
    if proxy is not None and proxy.ingress:
        silent = {listener.exposed.container_port for listener in proxy.ingress} - situation.listening
        return max(timedelta(0), situation.patience.listen - waited) if silent else timedelta(0)
    of_service = situation.task.service is not None
    return max(timedelta(0), situation.patience.steady - waited) if of_service else timedelta(0)


# --- which step is due ----------------------------------------------------------------------------------------------


def _due(situation: Situation) -> Step | None:
    """The step of the table that this situation calls for, or None while it waits."""
    possible = TRANSITIONS[situation.state.status]
    return next((step for step in possible if _IS_DUE[step](situation)), None)


def _essential_exited(situation: Situation) -> bool:
    return _first_essential_exit(situation) is not None


def _first_essential_exit(situation: Situation) -> ContainerState | None:
    essential = {c.name for c in situation.definition.containers if c.essential}
    if situation.proxy is not None:
        essential.add(situation.proxy.container)
    return next((c for c in situation.state.containers if c.name in essential and c.status == "STOPPED"), None)


def _all_running(situation: Situation) -> bool:
    """Not where the runtime refused one: then none was seen to run, and the task never started (`startedAt`)."""
    return situation.state.stop is None and all(
        container.status != "PENDING" for container in situation.state.containers
    )


def _asked_to_stop(situation: Situation) -> bool:
    return situation.task.stop is not None


def _could_not_start(situation: Situation) -> bool:
    return situation.state.stop is not None or _hindrance(situation) is not None


def _hindrance(situation: Situation) -> str | None:
    """Why the task can never be RUNNING, or None while it still may."""
    proxy = situation.state.container(situation.proxy.container) if situation.proxy else None
    since = proxy.started_at if proxy is not None and not situation.proxy_ready else None
    if proxy is not None and since is not None and situation.now - since > situation.patience.start:
        refused = f": it refused {situation.refused[0]}" if situation.refused else ""
        return f"The Service Connect proxy {proxy.name} did not become ready in time{refused}"
    return dependencies.impossible(situation.definition, situation.state, situation.now)


def _proxies_agreed(situation: Situation) -> bool:
    since = situation.state.deactivating_at or situation.now
    waited = situation.now - since
    if waited >= situation.patience.acknowledgement:
        return True
    if situation.registered or situation.proxy is None:
        return not situation.registered
    return not situation.holding and waited >= SETTLE


def _all_exited(situation: Situation) -> bool:
    return all(
        container.status == "STOPPED" or container.started_at is None for container in situation.state.containers
    )


def _network_gone(situation: Situation) -> bool:
    return situation.observation is None


_IS_DUE = {
    Step.NETWORK_READY: lambda situation: situation.state.address is not None,
    Step.CONTAINERS_RUNNING: _all_running,
    Step.ASKED_TO_STOP: _asked_to_stop,
    Step.ESSENTIAL_EXITED: _essential_exited,
    Step.COULD_NOT_START: _could_not_start,
    Step.PROXIES_AGREED: _proxies_agreed,
    Step.ALL_EXITED: _all_exited,
    Step.NETWORK_GONE: _network_gone,
}


def _enter(situation: Situation, step: Step) -> TaskState:
    """The state after a step: its new status, the instant that belongs to it, and the cause if it is an end."""
    state, now = situation.state, situation.now
    status = TRANSITIONS[state.status][step]
    entered = replace(state, status=status, version=state.version + 1, stop=state.stop or _cause(situation, step))
    match status:
        case Status.PENDING:
            return replace(entered, pull_started_at=now)
        case Status.RUNNING:
            return replace(entered, started_at=now, pull_stopped_at=state.pull_stopped_at or now)
        case Status.DEACTIVATING:
            return replace(entered, deactivating_at=now)
        case Status.STOPPING:
            return replace(entered, stopping_at=now)
        case Status.DEPROVISIONING:
            ended = tuple(replace(c, status="STOPPED") for c in state.containers)
            return replace(entered, deprovisioning_at=now, execution_stopped_at=now, containers=ended)
        case _:
            return replace(entered, stopped_at=now)


def _cause(situation: Situation, step: Step) -> Stop | None:
    """Why the task ends, where what was seen is the reason and nobody has asked before."""
    if situation.task.stop is not None:
        return None
    if step is Step.ESSENTIAL_EXITED:
        code = StopCode.ESSENTIAL_CONTAINER_EXITED
        return Stop(code, "Essential container in task exited", situation.now)
    if step is Step.COULD_NOT_START:
        reason = _hindrance(situation) or "Task failed to start"
        return Stop(StopCode.TASK_FAILED_TO_START, reason, situation.now)
    return None


# --- what to do in each status --------------------------------------------------------------------------------------

Doing = tuple[tuple[Action, ...], timedelta | None]


def _provisioning(situation: Situation) -> Doing:
    return (Prepare(),), LATER


def _pending(situation: Situation) -> Doing:
    """The proxy first and until it is ready nothing else; then the containers as their dependencies allow."""
    if situation.proxy is not None:
        proxy = situation.state.container(situation.proxy.container)
        if proxy is None or proxy.status == "PENDING":
            return (Start(situation.proxy.container),), SOON
        if not situation.proxy_ready:
            return (), SOON
    startable = dependencies.startable(situation.definition, situation.state)
    return tuple(Start(name) for name in startable), LATER if startable else timedelta(seconds=1)


def _running(situation: Situation) -> Doing:
    again = tuple(Start(each.name) for each in situation.state.containers if each.status == "PENDING")
    if again:
        return again, SOON
    gate = _gate(situation)
    if not gate:
        return (), None  # at rest: the runtime says when anything changes
    return (), min(LATER, gate) if health.checked(situation.definition) else SOON


def _deactivating(situation: Situation) -> Doing:
    return (), SETTLE


def _stopping(situation: Situation) -> Doing:
    """Drain, then SIGTERM to those that nothing running depends on, SIGKILL after their time, and the proxy last."""
    if not _drained(situation):
        return (Drain(),), timedelta(milliseconds=50)
    running = {c.name: c for c in situation.state.containers if c.status != "STOPPED" and c.started_at is not None}
    definitions = {c.name: c for c in situation.definition.containers}
    last = [name for name in running if name in definitions] or list(running)
    if not any(name in definitions for name in running) and not _let_go(situation):
        return (Drain(),), timedelta(milliseconds=50)
    due = dependencies.stoppable(situation.definition, last)
    actions = [a for name in due for a in _end(situation, running[name], definitions.get(name))]
    return tuple(actions), timedelta(milliseconds=500)


def _drained(situation: Situation) -> bool:
    """A task that serves nobody, or whose end is not of our choosing, has nothing to wait for."""
    state, proxy = situation.state, situation.proxy
    serving = proxy is not None and proxy.ingress and state.deactivating_at is not None
    if not serving or state.drained_at is not None or _essential_exited(situation):
        return True
    waited = situation.now - (state.stopping_at or situation.now)
    return waited >= situation.patience.drain or (situation.in_flight == 0 and waited >= SETTLE)


def _let_go(situation: Situation) -> bool:
    """Whether nobody sends to the task any more. Until then its proxy answers for programs that have ended.

    Its 503 is tried again on another task; a connection that ends under a request is not. It has no such word for
    TCP: there a closed port is better, since a refused connection is tried again, and one that is closed is not.
    """
    if situation.proxy is None or all(each.exposed.protocol == "tcp" for each in situation.proxy.ingress):
        return True
    waited = _told_for(situation)
    if waited >= situation.patience.acknowledgement:
        return True
    return not situation.holding and not situation.in_flight and waited >= SETTLE


def _told_for(situation: Situation) -> timedelta:
    """For how long the neighbours' proxies have been told that the task goes: they are waited for once, not in turn."""
    state = situation.state
    return situation.now - (state.deactivating_at or state.stopping_at or state.deprovisioning_at or situation.now)


def _end(situation: Situation, container: ContainerState, definition: ContainerDefinition | None) -> Iterable[Action]:
    patience = situation.patience.proxy_stop if definition is None else situation.patience.stop
    if definition is not None and definition.stop_timeout is not None:
        patience = timedelta(seconds=definition.stop_timeout)
    if container.asked_to_stop_at is None:
        yield Signal(container.name)
    elif situation.now - container.asked_to_stop_at >= patience:
        yield Signal(container.name, kill=True)


def _deprovisioning(situation: Situation) -> Doing:
    if situation.holding and _told_for(situation) < situation.patience.acknowledgement:
        return (), SETTLE
    return (Remove(),), timedelta(seconds=1)


def _stopped(situation: Situation) -> Doing:
    left = RETENTION - (situation.now - (situation.state.stopped_at or situation.now))
    return ((Forget(),), LATER) if left <= timedelta(0) else ((), left)


_ACTIONS = {
    Status.PROVISIONING: _provisioning,
    Status.PENDING: _pending,
    Status.RUNNING: _running,
    Status.DEACTIVATING: _deactivating,
    Status.STOPPING: _stopping,
    Status.DEPROVISIONING: _deprovisioning,
    Status.STOPPED: _stopped,
}


def _mark_asked(state: TaskState, actions: tuple[Action, ...], now: datetime) -> TaskState:
    """Note when SIGTERM went out, and that the drain is over once it did."""
    asked = {action.container for action in actions if isinstance(action, Signal) and not action.kill}
    if not asked:
        return state
    containers = tuple(replace(c, asked_to_stop_at=now) if c.name in asked else c for c in state.containers)
    return replace(state, containers=containers, drained_at=state.drained_at or now, version=state.version + 1)


def _with_notes(situation: Situation, state: TaskState) -> TaskState:
    """What the task waits for and what its proxy refused, for people; neither is a change that ECS would count."""
    now = replace(situation, state=state)
    clause = waiting.clause(now, _gate(now) if state.status is Status.RUNNING else None)
    if clause != state.waiting:
        state = replace(state, waiting=clause, waiting_since=situation.now if clause else None)
    return state if situation.refused == state.refused else replace(state, refused=situation.refused)
