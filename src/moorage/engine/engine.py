"""The engine: one queue, one loop, its controllers, and which of them a change wakes.

Events only wake: a commit, a nudge of the runtime, word from a proxy. What to do is decided from the World, so a lost
or doubled event changes nothing. At the start every key is looked at once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.capacity import ContainerInstance
from moorage.domain.changes import Key, RecordId
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.scaling import ScalableTarget, ScalingPolicy
from moorage.domain.service import Deployment, Rollout, Service, ServiceProgress
from moorage.domain.stack import Stack
from moorage.domain.switches import FROZEN
from moorage.domain.task import Task, TaskState
from moorage.domain.task_set import TaskSet
from moorage.domain.world import World
from moorage.engine.alarms import Alarms
from moorage.engine.loop import Controller, Loop
from moorage.engine.mesh import Maker, Mesh
from moorage.engine.names import Hosts, Names
from moorage.engine.ports import Clock, Commit, Ids, Operations, Proxies, Runtime, Store
from moorage.engine.queue import Item, Queue
from moorage.engine.scaling import Scaling
from moorage.engine.served_names import concerns_names
from moorage.engine.services import Registry, Services
from moorage.engine.sweep import Sweep
from moorage.engine.task_log_groups import TaskLogGroups
from moorage.engine.task_roles import TaskRoles
from moorage.engine.task_secrets import TaskSecrets
from moorage.engine.tasks import Envoy, Means, Tasks
from moorage.planning.situation import Patience

ALWAYS: Final = frozenset({"sweep", "metering", "scaling", "zones"})
"""Controllers of one key, looked at once at the start."""


@dataclass(frozen=True)
class Outside:
    """The ports that the engine stands on. Without `operations` no task can be given secrets."""

    store: Store
    runtime: Runtime
    proxies: Proxies
    clock: Clock
    ids: Ids
    operations: Operations | None = None


class Engine:
    """Runs everything that follows from the World."""

    def __init__(
        self,
        outside: Outside,
        envoy: Envoy,
        bundle: Maker,
        patience: Patience,
        more: Iterable[tuple[str, Controller]] = (),
        names: str = FROZEN,
    ) -> None:
        store, runtime, proxies, clock = outside.store, outside.runtime, outside.proxies, outside.clock
        asked = outside.operations
        self._store = store
        self.queue = Queue()
        self._tasks = Tasks(
            store,
            runtime,
            proxies,
            clock,
            Means(envoy, patience, TaskSecrets(asked), TaskRoles(asked), TaskLogGroups(asked)),
        )
        self._hosts = Hosts(store, runtime, proxies, names)
        controllers: dict[str, Controller] = {
            "services": Services(store, clock, outside.ids),
            "registry": Registry(store, clock),
            "alarms": Alarms(store, outside.operations),
            "tasks": self._tasks,
            "mesh": Mesh(store, proxies, clock, bundle),
            "names": Names(store, names),
            "hosts": self._hosts,
            "scaling": Scaling(store, asked, clock, outside.ids),
            "sweep": Sweep(store, runtime, proxies, self._tasks.seen, self._nudged),
            **dict(more),
        }
        self._always = ALWAYS & controllers.keys()
        self._names_are_served = "zones" in controllers
        self.loop = Loop(self.queue, controllers)
        store.watch(self._committed)
        runtime.watch(self._nudged)
        proxies.watch(self._heard)

    def start(self) -> None:
        """Look at every key once, then go on as things change."""
        world = self._store.snapshot()
        for task in sorted(world.all(Task), key=lambda task: task.key):
            self.queue.add(("tasks", task.key))
        for service in sorted(world.all(Service), key=lambda service: service.key):
            self.queue.add(("services", service.key))
            self.queue.add(("alarms", service.key))
            self.queue.add(("registry", service.key))
        for deployment in sorted(world.all(Deployment), key=lambda deployment: deployment.key):
            for item in _of_names(deployment):
                self.queue.add(item)
        for stack in world.all(Stack):
            self.queue.add(("stacks", stack.key))
        for name in sorted(self._always):
            self.queue.add((name, ()))
        self.loop.start()

    async def pause(self) -> None:
        """Let nothing more be decided or done until `start`; what was under way is taken up again then."""
        await self.loop.stop()

    def _committed(self, commit: Commit) -> None:
        world = self._store.snapshot()
        for record in commit.touched:
            for item in _woken_by(world, record):
                self.queue.add(item)
        if self._names_are_served and concerns_names(world, commit.touched):
            self.queue.add(("zones", ()))

    def _nudged(self, task_id: str) -> None:
        for task in self._store.snapshot().linked(Task, "id", (task_id,)):
            self.queue.add(("tasks", task.key))

    def _heard(self, task_id: str) -> None:
        """A proxy said something: its own task may go on, and so may every task that waits for acknowledgements."""
        self._nudged(task_id)
        for key in sorted(self._tasks.waiting):
            self.queue.add(("tasks", key))
        for key in sorted(self._hosts.waiting):
            self.queue.add(("hosts", key))


def _woken_by(world: World, record: RecordId) -> Iterable[Item]:
    """Which controllers care about a record that was written or deleted, and under which key."""
    table, key = record
    woken = _WOKEN.get(table)
    return woken(world, key) if woken is not None else ()


def _by_task(world: World, key: Key) -> Iterable[Item]:
    yield ("tasks", key)
    task = world.get(Task, key)
    if task is not None and task.service_key is not None:
        yield from _by_service(world, task.service_key)
        yield from _mesh_of_task(world, task)
        if task.deployment_key is not None:
            yield ("hosts", task.deployment_key)


def _by_service(world: World, key: Key) -> Iterable[Item]:
    yield ("services", key[:4])
    yield ("registry", key[:4])


def _by_service_record(world: World, key: Key) -> Iterable[Item]:
    yield from _by_service(world, key)
    yield from _alarms_of(world, key)
    for deployment in world.linked(Deployment, "service", key):
        yield from _of_names(deployment)


def _alarms_of(world: World, key: Key) -> Iterable[Item]:
    """Most services have none."""
    service = world.get(Service, key[:4])
    if service is not None and service.deployment_configuration.alarms is not None:
        yield ("alarms", service.key)


def _by_alarm_watch(world: World, key: Key) -> Iterable[Item]:
    yield ("services", key[:4])


def _by_deployment(world: World, key: Key) -> Iterable[Item]:
    yield ("services", key[:4])
    yield from _alarms_of(world, key)
    deployment = world.get(Deployment, key)
    if deployment is not None:
        yield from _of_names(deployment)


def _by_endpoint(world: World, key: Key) -> Iterable[Item]:
    yield ("mesh", key[:3])
    yield ("names", key[:3])


def _by_instance(world: World, key: Key) -> Iterable[Item]:
    registry = world.get(RegistryService, key[:3])
    if registry is not None:
        yield ("mesh", (*key[:2], registry.namespace_id))
    if world.get(Instance, key) is None:  # its task waits for that before it stops
        for task in world.linked(Task, "id", key[3:]):
            yield ("tasks", task.key)


def _by_container_instance(world: World, key: Key) -> Iterable[Item]:
    """What may be placed on the instance is up to each service of its cluster."""
    for service in world.linked(Service, "cluster", key):
        yield ("services", service.key)


def _by_stack(world: World, key: Key) -> Iterable[Item]:
    yield ("stacks", key)


def _by_scalable(_world: World, _key: Key) -> Iterable[Item]:
    yield ("scaling", ())


_WOKEN: Final[Mapping[str, Callable[[World, Key], Iterable[Item]]]] = {
    Task.table: _by_task,
    TaskState.table: _by_task,
    Service.table: _by_service_record,
    AlarmWatch.table: _by_alarm_watch,
    TaskSet.table: _by_service,
    ServiceProgress.table: _by_service,
    Deployment.table: _by_deployment,
    Rollout.table: _by_deployment,
    ConnectEndpoint.table: _by_endpoint,
    Instance.table: _by_instance,
    ContainerInstance.table: _by_container_instance,
    Stack.table: _by_stack,
    ScalableTarget.table: _by_scalable,
    ScalingPolicy.table: _by_scalable,
}


def _mesh_of_task(world: World, task: Task) -> Iterable[Item]:
    deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
    item = _mesh_of(deployment) if deployment is not None else None
    return () if item is None else (item,)


def _of_names(deployment: Deployment) -> Iterable[Item]:
    """Everything that follows from the names that a deployment knows."""
    if (item := _mesh_of(deployment)) is not None:
        yield item
        yield ("names", item[1])
        yield ("hosts", deployment.key)


def _mesh_of(deployment: Deployment) -> Item | None:
    if deployment.namespace_id is None:
        return None
    return ("mesh", (deployment.account, deployment.region, deployment.namespace_id))
