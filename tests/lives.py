"""One task in a toy runtime: the steps that are planned are carried out on a plain picture of its containers."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from moorage.domain.service import Deployment
from moorage.domain.task import Status, Stop, StopCode, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import containers
from moorage.planning.actions import ContainerObservation, ContainerPhase, Health, TaskObservation
from moorage.planning.sidecar import Proxy, proxy_of
from moorage.planning.situation import Action, Patience, Prepare, Remove, Signal, Situation, Start, Steps
from worlds import CLUSTER, HOME, NOON


@dataclass
class Life:
    """A task, its state and what the toy runtime holds of it. `deaf` containers ignore SIGTERM."""

    definition: TaskDefinition
    deployment: Deployment | None = None
    deaf: frozenset[str] = frozenset()
    now: datetime = NOON
    proxy_ready: bool = True
    in_flight: int | None = 0
    holding: frozenset[str] = frozenset()
    refused: tuple[str, ...] = ()
    registered: bool = False
    listening: frozenset[int] = frozenset({5000})
    patience: Patience = field(default_factory=Patience)
    held: dict[str, ContainerObservation] | None = None
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = self.deployment.service if self.deployment else None
        self.task = Task(*HOME, CLUSTER, "0" * 31 + "1", NOON, self.definition.key, "g", "FARGATE", service=name)
        self.state: TaskState = containers.first_state(self.task, self.definition, self.proxy)

    @property
    def proxy(self) -> Proxy | None:
        return proxy_of(self.task, self.deployment, self.definition)

    @property
    def status(self) -> Status:
        return self.state.status

    def look(self) -> Steps:
        observation = None if self.held is None else TaskObservation(self.task.id, "100.64.0.2", dict(self.held))
        return containers.next_steps(
            Situation(
                self.task,
                self.state,
                self.definition,
                self.proxy,
                observation,
                self.now,
                self.patience,
                self.proxy_ready,
                self.in_flight,
                self.holding,
                self.listening,
                self.refused,
                self.registered,
            )
        )

    def step(self) -> Steps:
        steps = self.look()
        self.state = steps.state
        for action in steps.actions:
            self._perform(action)
        return steps

    def settle(self, limit: int = 40) -> None:
        """Step, letting no time pass, until nothing changes any more."""
        for _ in range(limit):
            before = (self.state, repr(self.held))
            self.step()
            if (self.state, repr(self.held)) == before:
                return
        raise AssertionError(f"no rest after {limit} steps in {self.status}")

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.settle()

    def exit(self, name: str, code: int) -> None:
        assert self.held is not None
        self.held[name] = replace(self.held[name], phase=ContainerPhase.EXITED, exit_code=code, stopped_at=self.now)

    def say_health(self, name: str, health: Health) -> None:
        assert self.held is not None
        self.held[name] = replace(self.held[name], health=health)

    def ask_to_stop(self, reason: str = "Task stopped by user") -> None:
        self.task = replace(self.task, stop=Stop(StopCode.USER_INITIATED, reason, self.now))
        self.settle()

    def _perform(self, action: Action) -> None:
        if isinstance(action, Prepare):
            self.held = self.held if self.held is not None else {}
        elif isinstance(action, Remove):
            self.held = None
        elif isinstance(action, Start):
            assert self.held is not None
            self.done.append(f"start {action.container}")
            state = self.state.container(action.container)
            attempt = state.restarts if state is not None else 0
            held = self.held.get(action.container)
            started = ContainerObservation(action.container, ContainerPhase.RUNNING, self.now, attempt=attempt)
            if held is None or held.attempt < attempt:
                self.held[action.container] = started
        elif isinstance(action, Signal):
            self.done.append(f"{'kill' if action.kill else 'term'} {action.container}")
            if action.kill or action.container not in self.deaf:
                self.exit(action.container, 137 if action.kill else 143)
