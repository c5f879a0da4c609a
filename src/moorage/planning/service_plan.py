"""What a service needs next: which tasks to start and stop, how its deployments go, and why. The heart of Moorage.

Pure. Every pass moves one safe step: never fewer healthy tasks than the floor, never more tasks than the ceiling.
A plan on a finished world is empty. The sentences of its events are those of ECS (developer guide, "Service events").
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from moorage.domain import service as words
from moorage.domain.changes import Expect, Put, RecordId, Write
from moorage.domain.service import EXTERNAL, Deployment, Rollout, Service, ServiceProgress
from moorage.domain.task import Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import (
    alarms,
    capacity,
    failures,
    health,
    history,
    notices,
    rebalancing,
    releasing,
    replacing,
    restoring,
    rollout,
    task_set_plan,
)
from moorage.planning import service_draft as moves
from moorage.planning.service_draft import Seen, ServiceDraft
from moorage.planning.task_factory import Names


@dataclass(frozen=True)
class ServicePlan:
    """Writes, the versions that they rest on, and when to look again at the latest (None: when something changes)."""

    writes: tuple[Write, ...] = ()
    read: Expect = field(default_factory=dict)
    wake: timedelta | None = None


def plan(service: Service, world: World, now: datetime, names: Names) -> ServicePlan:
    """Say what to start and stop so that `service` moves one safe step towards its spec."""
    progress = world.get(ServiceProgress, service.key)
    if progress is None or progress.inactive_at is not None:
        return ServicePlan()
    deployments = {d.id: d for d in world.linked(Deployment, "service", service.key)}
    rollouts = {r.id: r for r in world.linked(Rollout, "service", service.key)}
    tasks = [_seen(world, task) for task in world.linked(Task, "service", service.key)]
    draft = ServiceDraft(world, service, progress, dict(rollouts), now, names)

    moves.count_failures(draft, tasks)
    _tell_notices(draft, tasks)
    if service.deleted_at is not None:
        _wind_down(draft, tasks, deployments.values())
    elif service.controller == EXTERNAL:
        task_set_plan.scale(draft, deployments.values(), tasks)
    elif (primary := deployments.get(service.deployment_id)) is not None:
        draft.desired = capacity.desired_count(world, service, primary)
        _roll(draft, primary, tasks)
        _retire_deployments(draft, primary, deployments.values(), tasks)
        if draft.rollouts[primary.id].state == words.COMPLETED:
            draft.writes += releasing.abandoned(world, service)

    writes = [*draft.writes, *_changed(world, draft, rollouts, progress)]
    return ServicePlan(tuple(writes), _read(world, service, writes), draft.wake)


# --- one step of a rolling update -----------------------------------------------------------------------------------


def _roll(draft: ServiceDraft, primary: Deployment, tasks: list[Seen]) -> None:
    new = [seen for seen in tasks if seen.live and seen.task.deployment_id == primary.id]
    was = [seen for seen in tasks if seen.live and seen.task.deployment_id != primary.id]
    old = _serving(draft, primary, new, was)
    sick = [seen for seen in new if moves.failed_its_checks(draft, seen)]
    new = [seen for seen in new if seen not in sick]
    staying = replacing.staying(draft, primary, sick, new, old)

    configuration = draft.service.deployment_configuration
    restored = restoring.restored(draft, primary, tasks, len(staying))
    count = rollout.Count(len(old) + restored, sum(seen.healthy for seen in old))
    room = rollout.room(draft.desired, _count(new), count, configuration, len(staying))
    extra = rebalancing.under_way(draft, new)
    surplus = moves.surplus(draft, new, len(new) - draft.desired - len(extra))
    replaced = moves.stoppable(draft, moves.oldest_last(old), room.stops)
    rest = [seen for seen in (*new, *old, *staying) if seen not in (*surplus, *replaced)]
    leaving = moves.leaving(draft, primary, rest)
    moves.stop(draft, [*replaced, *surplus, *leaving], moves.scaling(primary))
    started = moves.start(draft, primary, room.starts, len(sick))
    finished = not (started or was or surplus or sick or leaving)
    if finished and rebalancing.step(draft, primary, new, extra):
        finished = False
    _note_progress(draft, primary, room, new, finished, early=_is_early(draft, new, old))


def _serving(draft: ServiceDraft, primary: Deployment, new: list[Seen], old: list[Seen]) -> list[Seen]:
    """The tasks of former deployments that stay for now: the others serve nobody, and are stopped."""
    sick = [seen for seen in old if moves.is_sick(seen)]
    kept = restoring.needed(draft, primary, new, old)
    idle = [seen for seen in old if not seen.healthy and seen not in sick and seen not in kept and draft.may_stop(seen)]
    moves.give_up(draft, sick)
    moves.stop(draft, idle, moves.scaling(primary))
    return [seen for seen in old if seen not in sick and seen not in idle]


def _seen(world: World, task: Task) -> Seen:
    definition = world.get(TaskDefinition, task.task_definition)
    return Seen(task, world.get(TaskState, task.key), definition is not None and bool(health.checked(definition)))


def _count(tasks: list[Seen]) -> rollout.Count:
    return rollout.Count(len(tasks), sum(seen.healthy for seen in tasks))


# --- how a deployment goes ------------------------------------------------------------------------------------------


def _note_progress(
    draft: ServiceDraft, primary: Deployment, room: rollout.Room, new: list[Seen], finished: bool, early: bool
) -> None:
    state = draft.rollouts[primary.id]
    steady = finished and len(new) == draft.desired and all(seen.healthy for seen in new)
    blocked = draft.unplaceable or (f"there is {room.blocked}" if room.blocked else "")
    if blocked and state.blocked != blocked:
        draft.tell(f"was unable to place a task because {blocked}.")
    healthy_at = max((s.state.healthy_at for s in new if s.healthy and s.state and s.state.healthy_at), default=None)
    state = failures.with_healthy(state, healthy_at, draft.service.deployment_configuration.breaker)
    state = replace(state, blocked=blocked)
    if (steady or early) and state.state == words.IN_PROGRESS:
        state = _complete(draft, primary, state)
    if steady and not draft.progress.steady:
        draft.tell(moves.STEADY)
    draft.progress = replace(draft.progress, steady=steady)
    draft.rollouts[primary.id] = _break_off(draft, primary, state)


def _is_early(draft: ServiceDraft, new: list[Seen], old: list[Seen]) -> bool:
    """So many tasks are healthy that the deployment need not be finished to have completed."""
    criteria = draft.service.deployment_configuration.early
    if criteria is None or not criteria.enabled or (old and not criteria.deferred):
        return False
    return sum(seen.healthy for seen in new) >= ceil(draft.desired * criteria.healthy_percent / 100)


def _complete(draft: ServiceDraft, primary: Deployment, state: Rollout) -> Rollout:
    """A deployment that is scaled out and in, or far enough, has completed once it was watched for long enough."""
    state = replace(state, baking_since=state.baking_since or draft.now)
    since = state.baking_since or draft.now
    left = alarms.baking(draft.world, draft.service, primary, since, draft.now)
    if alarms.triggered(draft.world, draft.service, primary) or left is None:
        return state
    if left > timedelta(0):
        draft.look_again(left)
        return state
    draft.tell(f"(deployment {primary.id}) deployment completed.")
    reason = f"ECS deployment {primary.id} completed."
    return replace(state, state=words.COMPLETED, reason=reason, failed_in_a_row=0)


def _break_off(draft: ServiceDraft, primary: Deployment, state: Rollout) -> Rollout:
    """Fail a deployment that its owner, an alarm or the circuit breaker stops, and go back where that is asked."""
    breaker = draft.service.deployment_configuration.breaker
    if state.state != words.IN_PROGRESS:
        return state
    if draft.service.stopped_deployment == primary.id:
        draft.tell(f"(deployment {primary.id}) deployment stopped: a rollback was requested.")
        return _fail(draft, primary, state, "ECS deployment stopped: a rollback was requested.", True)
    if off := alarms.triggered(draft.world, draft.service, primary):
        draft.tell(f"(deployment {primary.id}) deployment failed: alarm detected.")
        configured = draft.service.deployment_configuration.alarms
        back = configured is not None and configured.rollback
        return _fail(draft, primary, replace(state, triggered=off), "ECS deployment alarms: alarm detected.", back)
    if not breaker.enabled or state.failed_tasks < rollout.breaker_threshold(draft.desired, breaker):
        return state
    draft.tell(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
    return _fail(draft, primary, state, "ECS deployment circuit breaker: tasks failed to start.", breaker.rollback)


def _fail(draft: ServiceDraft, primary: Deployment, state: Rollout, reason: str, rollback: bool) -> Rollout:
    cause = reason.partition(":")[0]
    back = releasing.roll_back(draft.world, primary, draft.names, draft.now, cause) if rollback else None
    if back is not None:
        draft.writes += back.writes(draft.service)
        draft.tell(f"rolling back to deployment {back.like}.")
    return replace(state, state=words.FAILED, reason=reason)


def _tell_notices(draft: ServiceDraft, tasks: list[Seen]) -> None:
    """What there is to say of single tasks, each once."""
    told = {event.message.removeprefix(f"(service {draft.service.name}) ") for event in draft.progress.events}
    found = notices.notices([seen.state for seen in tasks if seen.state is not None], told, draft.now)
    for message in found.messages:
        draft.tell(message)
    if found.wake is not None:
        draft.look_again(found.wake)


def _retire_deployments(
    draft: ServiceDraft, primary: Deployment, all_: Iterable[Deployment], tasks: list[Seen]
) -> None:
    """A deployment that is not primary disappears when its last task has stopped."""
    busy = {seen.task.deployment_id for seen in tasks if not seen.stopped}
    busy |= {
        write.record.deployment_id
        for write in draft.writes
        if isinstance(write, Put) and isinstance(write.record, Task)
    }
    _retire(draft, [each for each in all_ if each.id != primary.id and each.id not in busy])


def _retire(draft: ServiceDraft, over: Iterable[Deployment]) -> None:
    pairs = [(deployment, draft.rollouts.pop(deployment.id, None)) for deployment in over]
    if pairs:
        draft.writes += history.retire(draft.world, draft.service.key, pairs, draft.now)


# --- the end of a service -------------------------------------------------------------------------------------------


def _wind_down(draft: ServiceDraft, tasks: list[Seen], deployments: Iterable[Deployment]) -> None:
    """Stop everything; when the last task has stopped, release the service's names and call it INACTIVE."""
    live = [seen for seen in tasks if seen.live]
    moves.stop(draft, live, f"Scaling activity initiated by (deployment {draft.service.deployment_id})")
    if live or any(not seen.stopped for seen in tasks):
        return
    releasable, why = releasing.releases(draft.world, draft.service)
    if why:
        if not any(why in event.message for event in draft.progress.events[:1]):
            draft.tell(why)
        return
    draft.writes += releasable
    if draft.service.controller == EXTERNAL:
        task_set_plan.forget(draft, deployments)
    else:
        _retire(draft, deployments)
    draft.progress = replace(draft.progress, inactive_at=draft.now, steady=False)


# --- what the plan comes to -----------------------------------------------------------------------------------------


def _changed(world: World, draft: ServiceDraft, rollouts: dict[str, Rollout], progress: ServiceProgress) -> list[Write]:
    writes: list[Write] = []
    for rollout_id, state in draft.rollouts.items():
        if state != rollouts.get(rollout_id):
            writes.append(Put(replace(state, updated_at=draft.now)))
    if draft.progress != progress:
        writes.append(Put(draft.progress))
    return writes


def _read(world: World, service: Service, writes: list[Write]) -> dict[RecordId, int]:
    """A plan rests on the service and on every record that it writes."""
    read = {(Service.table, service.key): world.version(Service, service.key)}
    for write in writes:
        read[write.id] = world.versions.get(write.id, 0)
    return read
