"""The plan of a service while it is made, and the moves that plans are made of: start, stop, give up, count failures.

Which of them are due is decided in `service_plan` for rolling updates and in `task_set_plan` for task sets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from moorage.domain import service as words
from moorage.domain.capacity import ContainerInstance
from moorage.domain.changes import Put, Write
from moorage.domain.service import Deployment, Rollout, Service, ServiceEvent, ServiceProgress
from moorage.domain.service_rules import EC2
from moorage.domain.task import Status, Stop, StopCode, Task, TaskState, is_ending, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import candidates, capacity, failures, placement, resources, rollout
from moorage.planning.placement import Place, Wish
from moorage.planning.task_factory import Names, new_tasks

RECHECK: Final = timedelta(seconds=2)
"""How soon it is seen that others gave back what a task lacks."""

FAILED_CHECKS: Final = "Task failed container health checks"
STEADY: Final = "has reached a steady state."
SAID_AGAIN: Final = timedelta(hours=6)
"""How long ECS leaves out a message whose cause is still there (developer guide, "Service event messages")."""
THROTTLED: Final = (
    "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the "
    "Amazon ECS Developer Guide."
)


@dataclass(frozen=True)
class Seen:
    """A task with its state and what follows from the two; `checked` is whether a container health check judges it."""

    task: Task
    state: TaskState | None
    checked: bool = False

    @property
    def stop(self) -> Stop | None:
        return stop_of(self.task, self.state)

    @property
    def live(self) -> bool:
        """Nobody stopped it and it does not stop by itself."""
        return not is_ending(self.task, self.state)

    @property
    def healthy(self) -> bool:
        """Whether it counts for a deployment: a task that traffic reaches because its check took too long does not."""
        state = self.state
        if not self.live or state is None or state.healthy_at is None:
            return False
        return state.health == "HEALTHY" if self.checked else state.health != "UNHEALTHY"

    @property
    def stopped(self) -> bool:
        return self.state is not None and self.state.status is Status.STOPPED


@dataclass
class ServiceDraft:
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

    def tell(self, message: str, of: str = "") -> None:
        """Add an event of the service, or of its task set `of` where an external controller deploys it."""
        about = f", taskSet {of}" if of and self.service.controller == words.EXTERNAL else ""
        event = ServiceEvent(self.names.uuid(), self.now, f"(service {self.service.name}{about}) {message}")
        events = (event, *self.progress.events)[: words.EVENTS_KEPT]
        self.progress = replace(self.progress, events=events)

    def remind(self, message: str) -> None:
        """As `tell`, unless it was said within six hours and the service was not steady since."""
        said = f"(service {self.service.name}) {message}"
        for event in self.progress.events:
            if event.message.endswith(STEADY):
                break
            if event.message == said and self.now - event.at < SAID_AGAIN:
                return
        self.tell(message)

    def draw(self, below: int) -> int:
        """A number below this one, by chance."""
        return int(self.names.digits(9)) % below

    def look_again(self, delay: timedelta) -> None:
        self.wake = delay if self.wake is None else min(self.wake, delay)


def failed_its_checks(draft: ServiceDraft, seen: Seen) -> bool:
    """UNHEALTHY, and past the grace period in which ECS overlooks it."""
    state = seen.state
    if state is None or state.health != "UNHEALTHY" or state.started_at is None:
        return False
    left = state.started_at + timedelta(seconds=draft.service.health_check_grace_period or 0) - draft.now
    if left > timedelta(0):
        draft.look_again(left)
        return False
    return True


def give_up(draft: ServiceDraft, sick: list[Seen], of: str = "") -> None:
    """Stop tasks that failed their health checks, saying of each that it did."""
    for seen in sick:
        draft.tell(f"(task {seen.task.id}) failed container health checks.", of)
    stop(draft, sick, FAILED_CHECKS, of)


def is_sick(seen: Seen) -> bool:
    return seen.state is not None and seen.state.health == "UNHEALTHY"


def start(draft: ServiceDraft, primary: Deployment, count: int, sick: int = 0) -> list[Task]:
    """New tasks for the deployment where its placement strategy says, as many as may start now.

    `sick`: how many tasks they replace that failed their health checks.
    """
    count = startable(draft, primary, count)
    if count == 0:
        return []
    places = candidates.of_service(draft.world, draft.service, primary)
    taken = candidates.beside(draft.world, primary)
    chosen = placement.choose(places, taken, _wish(draft, primary), count, draft.draw)
    if not chosen:
        draft.unplaceable = capacity.NONE_MET
        return []
    started = launch(draft, primary, chosen)
    replaced = min(sick, len(started))
    why = f" Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else ""
    draft.tell(f"has started {len(started)} tasks: {listed(started)}.{why}", primary.id)
    return started


def startable(draft: ServiceDraft, primary: Deployment, count: int) -> int:
    """How many of `count` tasks may start now: none of a deployment that failed, or too soon after a failure."""
    state = draft.rollouts[primary.id]
    if count == 0 or state.state == words.FAILED:
        return 0
    if state.last_failure_at is not None:
        left = state.last_failure_at + rollout.delay_after(state.failed_in_a_row) - draft.now
        if left > timedelta(0):
            draft.remind(THROTTLED)
            draft.look_again(left)
            return 0
    return _placeable(draft, primary, count)


def launch(draft: ServiceDraft, primary: Deployment, places: Sequence[Place]) -> list[Task]:
    """A new task at each of the places."""
    started = new_tasks(draft.service, primary, places, draft.world, draft.names, draft.now)
    draft.writes += [Put(task) for task in started]
    return started


def _wish(draft: ServiceDraft, primary: Deployment) -> Wish:
    """What is asked for each task. Fargate has no instances that could lack anything or be full."""
    definition = draft.world.get(TaskDefinition, primary.task_definition)
    if primary.launch_type != EC2 or definition is None:
        return Wish()
    needed = resources.demand(definition, deployment=primary)
    constraints = capacity.constraints(draft.world, draft.service, primary)
    return candidates.wish(draft.service.placement_strategy, constraints, needed)


def _placeable(draft: ServiceDraft, primary: Deployment, count: int) -> int:
    """How many of `count` tasks this machine may take; where it takes none, the reason is noted."""
    draft.unplaceable = capacity.why_not(draft.world, draft.service, primary, f"service:{draft.service.name}")
    return 0 if draft.unplaceable else _with_room(draft, primary, count)


def _with_room(draft: ServiceDraft, deployment: Deployment, count: int) -> int:
    """For how many of `count` tasks the container instance has what they reserve; where for none, what is lacking.

    Who has it need not be of this service, and nothing that happens to others is told here: so it is looked at again.
    """
    instance = draft.world.get(ContainerInstance, draft.service.key[:3])
    definition = draft.world.get(TaskDefinition, deployment.task_definition)
    if deployment.launch_type != EC2 or instance is None or definition is None:
        return count
    fit, lacking = resources.room(draft.world, instance, resources.demand(definition, deployment=deployment), count)
    if lacking:
        draft.look_again(RECHECK)
    if not fit:
        draft.unplaceable = capacity.closest(draft.world, instance.key, resources.TOLD[lacking])
    return fit


def stop(draft: ServiceDraft, tasks: list[Seen], reason: str, of: str = "") -> None:
    """Stop the tasks, which are those of the task set `of` if one is named."""
    end(draft, tasks, reason)
    if tasks:
        draft.tell(f"has stopped {len(tasks)} running tasks: {listed(seen.task for seen in tasks)}.", of)


def end(draft: ServiceDraft, tasks: list[Seen], reason: str) -> None:
    """As `stop`, telling nothing."""
    cause = Stop(StopCode.SERVICE_SCHEDULER_INITIATED, reason, draft.now)
    draft.writes += [Put(replace(seen.task, stop=cause)) for seen in tasks]


def stoppable(draft: ServiceDraft, tasks: list[Seen], count: int) -> list[Seen]:
    """The first `count` of the tasks that are not protected."""
    return [seen for seen in tasks if draft.may_stop(seen)][:count] if count > 0 else []


def leaving(draft: ServiceDraft, primary: Deployment, tasks: list[Seen]) -> list[Seen]:
    """The tasks that leave an instance which drains: those on their way, and healthy ones down to the floor."""
    if not capacity.drains(draft.world, draft.service.key[:3], primary.launch_type):
        return []
    going = [seen for seen in tasks if not seen.healthy and draft.may_stop(seen)]
    healthy = [seen for seen in oldest_last(tasks) if seen.healthy]
    floor = rollout.floor_of(draft.desired, draft.service.deployment_configuration)
    return going + stoppable(draft, healthy, len(healthy) - floor)


def scaling(primary: Deployment) -> str:
    """Why tasks stop that are too many, or of a deployment that was replaced."""
    return f"Scaling activity initiated by (deployment {primary.id})"


def count_failures(draft: ServiceDraft, tasks: list[Seen]) -> None:
    """Add tasks that ended by themselves to their deployment's failures, each once."""
    known = {seen.task.id for seen in tasks}
    draft.progress = replace(draft.progress, counted=tuple(i for i in draft.progress.counted if i in known))
    ended = [seen for seen in tasks if seen.state is not None and seen.state.stop is not None and not seen.task.stop]
    count_once(draft, ended)


def count_once(draft: ServiceDraft, failed: list[Seen]) -> None:
    """Add each of the tasks to its deployment's failures, unless it was counted before."""
    for seen in failed:
        state = draft.rollouts.get(seen.task.deployment_id or "")
        if seen.task.id in draft.progress.counted or state is None or seen.state is None:
            continue
        draft.progress = replace(draft.progress, counted=(*draft.progress.counted, seen.task.id), steady=False)
        draft.rollouts[state.id] = failures.with_failure(state, seen.state, draft.now)


def surplus(draft: ServiceDraft, tasks: list[Seen], count: int) -> list[Seen]:
    """`count` of the tasks to stop that nobody protects: first those that do not serve yet, then as the placement
    strategy says, then the youngest."""
    open_ = [seen for seen in oldest_last(tasks) if draft.may_stop(seen)] if count > 0 else []
    if count > len(open_) and len(open_) < len(tasks):
        draft.remind(
            f"was unable to reach steady state because task set ({tasks[0].task.deployment_id}) was unable to scale "
            "in. Reason: The number of protected tasks are more than the desired count of tasks."
        )
    if count >= len(open_):
        return open_
    gone: list[Seen] = []
    for healthy in (False, True):
        some = [seen for seen in open_ if seen.healthy is healthy]
        gone += [some[at] for at in _leaving(draft, some, [s for s in tasks if s not in gone], count - len(gone))]
    return gone


def _leaving(draft: ServiceDraft, some: list[Seen], staying: list[Seen], count: int) -> list[int]:
    places = candidates.of_tasks(draft.world, [seen.task for seen in some])
    beside = candidates.of_tasks(draft.world, [seen.task for seen in staying])
    return placement.leaving(places, beside, count, draft.service.placement_strategy, draft.draw)


def oldest_last(tasks: list[Seen]) -> list[Seen]:
    return sorted(tasks, key=lambda seen: (seen.task.created_at, seen.task.id), reverse=True)


def listed(tasks: Iterable[Task]) -> str:
    return " ".join(f"(task {task.id})" for task in tasks)
