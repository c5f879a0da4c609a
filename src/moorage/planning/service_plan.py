"""What a service needs next: which tasks to start and stop, how its deployments go, and why. The heart of Moorage.

Pure. Every pass moves one safe step: never fewer healthy tasks than the floor, never more tasks than the ceiling.
A plan on a finished world is empty. The sentences of its events are those of ECS (developer guide, "Service events").
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from moorage.domain import service as words
from moorage.domain.changes import Expect, Put, RecordId, Write
from moorage.domain.service import Deployment, Rollout, Service, ServiceEvent, ServiceProgress
from moorage.domain.service_rules import EC2
from moorage.domain.task import ENDING, Status, Stop, StopCode, Task, TaskState, stop_of
from moorage.domain.world import World
from moorage.planning import capacity, failures, history, releasing, rollout
from moorage.planning.task_factory import Names, new_tasks


@dataclass(frozen=True)
class ServicePlan:
    """Writes, the versions that they rest on, and when to look again at the latest (None: when something changes)."""

    writes: tuple[Write, ...] = ()
    read: Expect = field(default_factory=dict)
    wake: timedelta | None = None


@dataclass(frozen=True)
class Seen:
    """A task with its state and what follows from the two."""

    task: Task
    state: TaskState | None

    @property
    def stop(self) -> Stop | None:
        return stop_of(self.task, self.state)

    @property
    def live(self) -> bool:
        """Nobody stopped it and it does not stop by itself."""
        return self.stop is None and (self.state is None or self.state.status not in ENDING)

    @property
    def healthy(self) -> bool:
        state = self.state
        return self.live and state is not None and state.healthy_at is not None and state.health != "UNHEALTHY"

    @property
    def stopped(self) -> bool:
        return self.state is not None and self.state.status is Status.STOPPED


@dataclass
class _Draft:
    """The plan while it is made: what was decided so far for one service."""

    world: World
    service: Service
    progress: ServiceProgress
    rollouts: dict[str, Rollout]
    now: datetime
    names: Names
    desired: int = 0
    unplaceable: str = ""
    writes: list[Write] = field(default_factory=list)
    wake: timedelta | None = None

    def may_stop(self, seen: Seen) -> bool:
        """False while the task is protected; then the plan is made again when that ends."""
        until = seen.task.protected_until
        if until is None or until <= self.now:
            return True
        self.look_again(until - self.now)
        return False

    def tell(self, message: str) -> None:
        event = ServiceEvent(self.names.uuid(), self.now, f"(service {self.service.name}) {message}")
        events = (event, *self.progress.events)[: words.EVENTS_KEPT]
        self.progress = replace(self.progress, events=events)

    def look_again(self, delay: timedelta) -> None:
        self.wake = delay if self.wake is None else min(self.wake, delay)


def plan(service: Service, world: World, now: datetime, names: Names) -> ServicePlan:
    """Say what to start and stop so that `service` moves one safe step towards its spec."""
    progress = world.get(ServiceProgress, service.key)
    if progress is None or progress.inactive_at is not None:
        return ServicePlan()
    deployments = {d.id: d for d in world.linked(Deployment, "service", service.key)}
    rollouts = {r.id: r for r in world.linked(Rollout, "service", service.key)}
    tasks = [Seen(t, world.get(TaskState, t.key)) for t in world.linked(Task, "service", service.key)]
    draft = _Draft(world, service, progress, dict(rollouts), now, names)

    _count_failures(draft, tasks)
    if service.deleted_at is not None:
        _wind_down(draft, tasks, deployments.values())
    elif (primary := deployments.get(service.deployment_id)) is not None:
        draft.desired = capacity.desired_count(world, service, primary)
        _roll(draft, primary, tasks)
        _retire_deployments(draft, primary, deployments.values(), tasks)
        if draft.rollouts[primary.id].state == words.COMPLETED:
            draft.writes += releasing.abandoned(world, service)

    writes = [*draft.writes, *_changed(world, draft, rollouts, progress)]
    return ServicePlan(tuple(writes), _read(world, service, writes), draft.wake)


# --- one step of a rolling update -----------------------------------------------------------------------------------


def _roll(draft: _Draft, primary: Deployment, tasks: list[Seen]) -> None:
    new = [seen for seen in tasks if seen.live and seen.task.deployment_id == primary.id]
    old = [seen for seen in tasks if seen.live and seen.task.deployment_id != primary.id]
    sick = [seen for seen in new if _failed_its_checks(draft, seen)]
    _give_up(draft, primary, sick)
    new = [seen for seen in new if seen not in sick]
    useless = [seen for seen in old if not seen.healthy and (_is_sick(seen) or draft.may_stop(seen))]
    _stop(draft, useless, _scaling(primary))
    old = [seen for seen in old if seen not in useless]

    room = rollout.room(draft.desired, _count(new), _count(old), draft.service.deployment_configuration)
    surplus = _stoppable(draft, _least_useful(new), len(new) - draft.desired)
    replaced = _stoppable(draft, _oldest_last(old), room.stops)
    leaving = _leaving(draft, primary, [seen for seen in (*new, *old) if seen not in (*surplus, *replaced)])
    _stop(draft, [*replaced, *surplus, *leaving], _scaling(primary))
    started = _start(draft, primary, room.starts)
    _note_progress(draft, primary, room, new, finished=not (started or old or useless or surplus or sick or leaving))


def _stoppable(draft: _Draft, tasks: list[Seen], count: int) -> list[Seen]:
    """The first `count` of the tasks that are not protected."""
    return [seen for seen in tasks if draft.may_stop(seen)][:count] if count > 0 else []


def _leaving(draft: _Draft, primary: Deployment, tasks: list[Seen]) -> list[Seen]:
    """The tasks that leave an instance which drains: those on their way, and healthy ones down to the floor."""
    if not capacity.drains(draft.world, draft.service.key[:3], primary.launch_type):
        return []
    going = [seen for seen in tasks if not seen.healthy and draft.may_stop(seen)]
    healthy = [seen for seen in _oldest_last(tasks) if seen.healthy]
    floor = rollout.floor_of(draft.desired, draft.service.deployment_configuration)
    return going + _stoppable(draft, healthy, len(healthy) - floor)


def _give_up(draft: _Draft, primary: Deployment, sick: list[Seen]) -> None:
    """Stop tasks that failed their health checks; each is a failure of the deployment."""
    _stop(draft, sick, "Task failed container health checks")
    for seen in sick:
        if seen.state is not None:
            draft.rollouts[primary.id] = failures.with_failure(draft.rollouts[primary.id], seen.state, draft.now)


def _is_sick(seen: Seen) -> bool:
    return seen.state is not None and seen.state.health == "UNHEALTHY"


def _failed_its_checks(draft: _Draft, seen: Seen) -> bool:
    """UNHEALTHY, and past the grace period in which ECS overlooks it."""
    state = seen.state
    if state is None or state.health != "UNHEALTHY" or state.started_at is None:
        return False
    left = state.started_at + timedelta(seconds=draft.service.health_check_grace_period or 0) - draft.now
    if left > timedelta(0):
        draft.look_again(left)
        return False
    return True


def _start(draft: _Draft, primary: Deployment, count: int) -> list[Task]:
    """New tasks for the primary deployment, unless it has failed or the last failure is too recent."""
    state = draft.rollouts[primary.id]
    if count == 0 or state.state == words.FAILED:
        return []
    if state.last_failure_at is not None:
        left = state.last_failure_at + rollout.delay_after(state.failed_in_a_row) - draft.now
        if left > timedelta(0):
            draft.look_again(left)
            return []
    count = _placeable(draft, primary, count)
    if count == 0:
        return []
    started = new_tasks(draft.service, primary, count, draft.world, draft.names, draft.now)
    draft.writes += [Put(task) for task in started]
    draft.tell(f"has started {len(started)} tasks: {_listed(started)}.")
    return started


def _placeable(draft: _Draft, primary: Deployment, count: int) -> int:
    """How many of `count` tasks this machine may take; where it takes none, the reason is noted."""
    service = draft.service
    constraints = capacity.constraints(draft.world, service, primary)
    group = f"service:{service.name}"
    draft.unplaceable = capacity.why_not(draft.world, service.key[:3], primary.launch_type, constraints, group)
    if draft.unplaceable:
        return 0
    distinct = any(each.get("type") == capacity.DISTINCT for each in constraints)
    return min(count, 1) if distinct and primary.launch_type == EC2 else count


def _stop(draft: _Draft, tasks: list[Seen], reason: str) -> None:
    stop = Stop(StopCode.SERVICE_SCHEDULER_INITIATED, reason, draft.now)
    draft.writes += [Put(replace(seen.task, stop=stop)) for seen in tasks]
    if tasks:
        draft.tell(f"has stopped {len(tasks)} running tasks: {_listed(seen.task for seen in tasks)}.")


def _scaling(primary: Deployment) -> str:
    return f"Scaling activity initiated by (deployment {primary.id})"


def _listed(tasks: Iterable[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)


def _count(tasks: list[Seen]) -> rollout.Count:
    return rollout.Count(len(tasks), sum(seen.healthy for seen in tasks))


def _oldest_last(tasks: list[Seen]) -> list[Seen]:
    return sorted(tasks, key=lambda seen: (seen.task.created_at, seen.task.id), reverse=True)


def _least_useful(tasks: list[Seen]) -> list[Seen]:
    """Those that do not serve yet first, then the youngest."""
    return sorted(_oldest_last(tasks), key=lambda seen: seen.healthy)


# --- how a deployment goes ------------------------------------------------------------------------------------------


def _note_progress(draft: _Draft, primary: Deployment, room: rollout.Room, new: list[Seen], finished: bool) -> None:
    state = draft.rollouts[primary.id]
    steady = finished and len(new) == draft.desired and all(seen.healthy for seen in new)
    blocked = draft.unplaceable or (f"there is {room.blocked}" if room.blocked else "")
    if blocked and state.blocked != blocked:
        draft.tell(f"was unable to place a task because {blocked}.")
    healthy_at = max((seen.state.healthy_at for seen in new if seen.state and seen.state.healthy_at), default=None)
    state = failures.with_healthy(state, healthy_at, draft.service.deployment_configuration.breaker)
    state = replace(state, blocked=blocked)
    if steady and state.state == words.IN_PROGRESS:
        state = replace(
            state, state=words.COMPLETED, reason=f"ECS deployment {primary.id} completed.", failed_in_a_row=0
        )
        draft.tell(f"(deployment {primary.id}) deployment completed.")
    if steady and not draft.progress.steady:
        draft.tell("has reached a steady state.")
    draft.progress = replace(draft.progress, steady=steady)
    draft.rollouts[primary.id] = _break_off(draft, primary, state)


def _break_off(draft: _Draft, primary: Deployment, state: Rollout) -> Rollout:
    """Fail a deployment that its owner or the circuit breaker stops, and go back where that is asked."""
    breaker = draft.service.deployment_configuration.breaker
    if state.state != words.IN_PROGRESS:
        return state
    if draft.service.stopped_deployment == primary.id:
        draft.tell(f"(deployment {primary.id}) deployment stopped: a rollback was requested.")
        return _fail(draft, primary, state, "ECS deployment stopped: a rollback was requested.", True)
    if not breaker.enabled or state.failed_tasks < rollout.breaker_threshold(draft.desired, breaker):
        return state
    draft.tell(f"(deployment {primary.id}) deployment failed: tasks failed to start.")
    return _fail(draft, primary, state, "ECS deployment circuit breaker: tasks failed to start.", breaker.rollback)


def _fail(draft: _Draft, primary: Deployment, state: Rollout, reason: str, rollback: bool) -> Rollout:
    cause = reason.partition(":")[0]
    back = releasing.roll_back(draft.world, primary, draft.names, draft.now, cause) if rollback else None
    if back is not None:
        draft.writes += back.writes(draft.service)
        draft.tell(f"rolling back to (deployment {back.like}).")
    return replace(state, state=words.FAILED, reason=reason)


def _count_failures(draft: _Draft, tasks: list[Seen]) -> None:
    """Add tasks that ended by themselves to their deployment's failures, each once."""
    ended = [seen for seen in tasks if seen.state is not None and seen.state.stop is not None and not seen.task.stop]
    for seen in ended:
        state = draft.rollouts.get(seen.task.deployment_id or "")
        if seen.task.id in draft.progress.counted or state is None or seen.state is None:
            continue
        draft.progress = replace(draft.progress, counted=(*draft.progress.counted, seen.task.id), steady=False)
        draft.rollouts[state.id] = failures.with_failure(state, seen.state, draft.now)
    ids = {seen.task.id for seen in ended}
    draft.progress = replace(draft.progress, counted=tuple(i for i in draft.progress.counted if i in ids))


def _retire_deployments(draft: _Draft, primary: Deployment, all_: Iterable[Deployment], tasks: list[Seen]) -> None:
    """A deployment that is not primary disappears when its last task has stopped."""
    busy = {seen.task.deployment_id for seen in tasks if not seen.stopped}
    _retire(draft, [each for each in all_ if each.id != primary.id and each.id not in busy])


def _retire(draft: _Draft, over: Iterable[Deployment]) -> None:
    pairs = [(deployment, draft.rollouts.pop(deployment.id, None)) for deployment in over]
    if pairs:
        draft.writes += history.retire(draft.world, draft.service.key, pairs, draft.now)


# --- the end of a service -------------------------------------------------------------------------------------------


def _wind_down(draft: _Draft, tasks: list[Seen], deployments: Iterable[Deployment]) -> None:
    """Stop everything; when the last task has stopped, release the service's names and call it INACTIVE."""
    live = [seen for seen in tasks if seen.live]
    _stop(draft, live, f"Scaling activity initiated by (deployment {draft.service.deployment_id})")
    if live or any(not seen.stopped for seen in tasks):
        return
    releasable, why = releasing.releases(draft.world, draft.service)
    if why:
        if not any(why in event.message for event in draft.progress.events[:1]):
            draft.tell(why)
        return
    draft.writes += releasable
    _retire(draft, deployments)
    draft.progress = replace(draft.progress, inactive_at=draft.now, steady=False)


# --- what the plan comes to -----------------------------------------------------------------------------------------


def _changed(world: World, draft: _Draft, rollouts: dict[str, Rollout], progress: ServiceProgress) -> list[Write]:
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
