"""The doer of tasks: asks what there is of a task, plans its next steps, records them, performs them.

The state is committed before the runtime is touched, and every act is idempotent under the names of the task and its
container, so that a crash at any point is made good by looking again.
"""

import signal as signals
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from moorage.domain import firelens, switches
from moorage.domain.changes import Delete, Expect, Key, Put
from moorage.domain.registry import Instance
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.mesh import placed, ports_of
from moorage.engine.ports import CannotPull, CannotStart, Clock, Proxies, Runtime, Store
from moorage.engine.task_log_groups import TaskLogGroups
from moorage.engine.task_roles import TaskRoles
from moorage.engine.task_secrets import CannotInitialize, Fetched, TaskSecrets
from moorage.mesh.view import View
from moorage.mesh.view_of import view_of
from moorage.planning import containers, definitions, inside, log_routing, sidecar
from moorage.planning.actions import ContainerSpec, TaskObservation
from moorage.planning.sidecar import Proxy
from moorage.planning.situation import Action, Drain, Forget, Patience, Prepare, Remove, Signal, Situation, Start

WAITING: Final = frozenset({Status.PENDING, Status.DEACTIVATING, Status.STOPPING, Status.DEPROVISIONING})
"""Statuses in which word from a proxy may be what a task waits for."""

LEAVING: Final = WAITING - {Status.PENDING}
"""Those in which it matters who may still send to the task: nobody is told of one that has not run yet."""

HOLDING: Final = frozenset({Status.PENDING, Status.RUNNING, Status.DEACTIVATING, Status.STOPPING})
"""Statuses in which another task's proxy may still send to this one."""

AT_ONCE: Final = timedelta(0)


@dataclass(frozen=True)
class Envoy:
    """What the mesh says of starting a proxy: its bootstrap document, and its arguments with the drain time."""

    bootstrap: Callable[[View], str]
    arguments: Callable[[View, timedelta], tuple[str, ...]]


@dataclass(frozen=True)
class Means:
    """What tasks are started with, and how long is waited for them."""

    envoy: Envoy
    patience: Patience
    secrets: TaskSecrets
    roles: TaskRoles
    log_groups: TaskLogGroups


@dataclass(frozen=True)
class Subject:
    """One task with everything that its steps are planned from."""

    task: Task
    state: TaskState
    definition: TaskDefinition
    deployment: Deployment | None
    proxy: Proxy | None


class Tasks:
    """Takes each task through its life."""

    def __init__(self, store: Store, runtime: Runtime, proxies: Proxies, clock: Clock, means: Means) -> None:
        self._store = store
        self._runtime = runtime
        self._proxies = proxies
        self._clock = clock
        self._envoy = means.envoy
        self._patience = means.patience
        self._secrets = means.secrets
        self._roles = means.roles
        self._log_groups = means.log_groups
        self.waiting: set[Key] = set()
        self.seen: dict[str, int] = {}
        """The revision of every task as it was observed last, by its id; none of a task that there is nothing of."""

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        subject = _subject(world, key)
        if subject is None:
            self.waiting.discard(key)
            self.seen.pop(key[-1], None)
            return None
        steps = containers.next_steps(await self._look(world, subject))
        await self._record(world, subject, steps.state)
        self._note_waiting(key, steps.state)
        for action in steps.actions:
            await self._perform(subject, action)
        at_once = any(isinstance(action, Prepare | Start | Remove) for action in steps.actions)
        return AT_ONCE if at_once else steps.wake

    async def _look(self, world: World, subject: Subject) -> Situation:
        """Everything that the next steps depend on, asked of the runtime and the proxies now."""
        task, state, proxy = subject.task, subject.state, subject.proxy
        situation = Situation(
            task=task,
            state=state,
            definition=subject.definition,
            proxy=proxy,
            observation=None,
            now=self._clock.now(),
            patience=self._patience_with(world, task),
            registered=world.count_linked(Instance, "task", (task.account, task.region, task.id)) > 0,
        )
        if state.status is Status.STOPPED:
            return situation
        situation = replace(situation, observation=await self._observed(task.id))
        if state.status in LEAVING:
            situation = replace(situation, holding=self._holding(world, subject))
        if proxy is None or state.status is Status.DEPROVISIONING:
            return situation
        await self._proxies.open(task.id)
        situation = replace(situation, refused=self._proxies.refused(task.id))
        if state.status is Status.PENDING:
            return replace(situation, proxy_ready=await self._proxies.ready(task.id))
        if is_awaited(state):
            return replace(situation, listening=await self._runtime.listening(task.id))
        if state.status is Status.STOPPING:
            return replace(situation, in_flight=await self._proxies.in_flight(task.id))
        return situation

    async def _observed(self, task_id: str) -> TaskObservation | None:
        observation = await self._runtime.observe(task_id)
        if observation is None:
            self.seen.pop(task_id, None)
        else:
            self.seen[task_id] = observation.revision
        return observation

    def _patience_with(self, world: World, task: Task) -> Patience:
        """The daemon's, with the drain time that the task's service asks for."""
        service = world.get(Service, task.service_key) if task.service_key is not None else None
        drain = switches.drain(service.tags) if service is not None else None
        return self._patience if drain is None else replace(self._patience, drain=drain)

    def _holding(self, world: World, subject: Subject) -> frozenset[str]:
        """The other tasks of the namespace whose proxies have not acknowledged that this task's address is gone."""
        state, deployment = subject.state, subject.deployment
        if not state.reached_at or deployment is None or deployment.namespace_id is None:
            return frozenset()
        namespace = (deployment.account, deployment.region, deployment.namespace_id)
        others = [
            task.id
            for neighbour in world.linked(Deployment, "namespace", namespace)
            for task in world.linked(Task, "deployment", neighbour.key)
            if task.id != subject.task.id and _holds(world, task)
        ]
        gone = (self._proxies.endpoint_gone(others, where) for where in _whereabouts(subject))
        return frozenset().union(*gone)

    async def _record(self, world: World, subject: Subject, state: TaskState) -> None:
        stored = world.get(TaskState, subject.task.key)
        if state != stored:
            expect: Expect = {(TaskState.table, state.key): world.version(TaskState, state.key)}
            await self._store.commit([Put(state)], expect)

    def _note_waiting(self, key: Key, state: TaskState) -> None:
        if state.status in WAITING:
            self.waiting.add(key)
        else:
            self.waiting.discard(key)

    async def _perform(self, subject: Subject, action: Action) -> None:
        task = subject.task
        match action:
            case Prepare():
                await self._try(subject, None, self._prepare(subject))
            case Start(container):
                await self._start(subject, container)
            case Signal(container, kill):
                number = signals.SIGKILL if kill else signals.SIGTERM
                await self._runtime.signal(task.id, container, number)
            case Drain():
                await self._proxies.drain(task.id)
            case Remove():
                await self._runtime.remove(task.id)
                await self._proxies.close(task.id)
                self._secrets.forget(task)
            case Forget():
                world = self._store.snapshot()
                unused = definitions.disappearing(world, task.task_definition, {task.key})
                expect = {write.id: world.versions.get(write.id, 0) for write in unused}
                gone = [Delete(Task.table, task.key), Delete(TaskState.table, task.key), *unused]
                await self._store.commit(gone, expect)

    async def _prepare(self, subject: Subject) -> None:
        """Everything that the task refers to first: without it no container of the task may start."""
        await self._roles.check(subject.task, subject.definition)
        await self._secrets.of(subject.task, subject.definition)
        await self._log_groups.check(subject.task, subject.definition, subject.deployment)
        _check_routing(subject)
        await self._runtime.prepare(sidecar.task_spec(subject.task, subject.definition, subject.deployment))

    async def _start(self, subject: Subject, name: str) -> None:
        """Start a container of the task; for the proxy, its socket and its bootstrap document come first."""
        task, proxy = subject.task, subject.proxy
        if proxy is None or name != proxy.container or subject.deployment is None:
            definition = next(c for c in subject.definition.containers if c.name == name)
            await self._try(subject, name, self._start_own(subject, definition))
            return
        sockets = await self._proxies.open(task.id)
        world = self._store.snapshot()
        view = view_of(world, task, subject.deployment, placed(ports_of(proxy), proxy, subject.state))
        arguments = self._envoy.arguments(view, self._patience_with(world, task).drain)
        spec = sidecar.proxy_spec(task, proxy, arguments, self._envoy.bootstrap(view), sockets)
        await self._try(subject, name, self._runtime.start(self._counted(subject, spec)))

    async def _start_own(self, subject: Subject, container: ContainerDefinition) -> None:
        """A container of the definition, with what ECS puts around its environment."""
        task, definition = subject.task, subject.definition
        found = await self._secrets.of(task, definition)
        fetched = found.get(container.name, Fetched())
        around = inside.surroundings(task, definition, container.name)
        around = inside.with_fetched(around, fetched.files, fetched.secrets)
        spec = sidecar.container_spec(task, definition, container, around)
        options = {name: each.log_options for name, each in found.items()}
        spec = log_routing.dressed(
            spec, task, definition, subject.state, log_routing.Lookups(options, fetched.external)
        )
        await self._runtime.start(self._counted(subject, spec))

    def _counted(self, subject: Subject, spec: ContainerSpec) -> ContainerSpec:
        """`spec` as the start that was noted last."""
        noted = (self._store.snapshot().get(TaskState, subject.task.key) or subject.state).container(spec.name)
        return replace(spec, attempt=noted.restarts if noted is not None else 0)

    async def _try(self, subject: Subject, container: str | None, attempt: Awaitable[object]) -> None:
        """Record a refusal of the runtime as the reason why the task could not start."""
        try:
            await attempt
        except (CannotPull, CannotStart, CannotInitialize) as refusal:
            world = self._store.snapshot()
            key = subject.task.key
            state = world.get(TaskState, key) or subject.state
            stopped = containers.could_not_start(state, container, _sentence(refusal), self._clock.now())
            await self._store.commit([Put(stopped)], {(TaskState.table, key): world.version(TaskState, key)})


def _check_routing(subject: Subject) -> None:
    """CannotInitialize where the log options of a container make no configuration of its log router."""
    if firelens.router(subject.definition.document["containerDefinitions"]) is None:
        return
    try:
        log_routing.configuration(subject.task, subject.definition)
    except log_routing.Incomplete as why:
        raise CannotInitialize(f"ResourceInitializationError: unable to generate firelens config file: {why}") from why


def _sentence(refusal: CannotPull | CannotStart | CannotInitialize) -> str:
    if isinstance(refusal, CannotInitialize):
        return refusal.reason
    code = "CannotPullContainerError" if isinstance(refusal, CannotPull) else "CannotStartContainerError"
    return f"{code}: {refusal.reason}"


def _subject(world: World, key: Key) -> Subject | None:
    task = world.get(Task, key)
    definition = world.get(TaskDefinition, task.task_definition) if task else None
    if task is None or definition is None:
        return None
    deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
    proxy = sidecar.proxy_of(task, deployment, definition)
    state = world.get(TaskState, key) or containers.first_state(task, definition, proxy)
    return Subject(task, state, definition, deployment, proxy)


def _whereabouts(subject: Subject) -> list[str]:
    """What other proxies know the task by: its address, or its proxy's ports of the container instance's."""
    state, proxy = subject.state, subject.proxy
    if proxy is None or not proxy.apart:
        return [state.reached_at]
    ports = (state.host_port(proxy.container, listener.port) for listener in proxy.ingress)
    return [f"{state.reached_at}:{port}" for port in ports if port]


def is_awaited(state: TaskState) -> bool:
    """True from the moment that a task may be RUNNING until it first counts as healthy."""
    return state.status is Status.RUNNING and state.healthy_at is None


def _holds(world: World, task: Task) -> bool:
    state = world.get(TaskState, task.key)
    return state is not None and state.status in HOLDING
