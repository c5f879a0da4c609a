"""Live names on their way: a decider that appends them to deployments, and a doer that brings them into running tasks.

A name comes into the hosts files of a task once its proxy takes traffic for it, and is gone from them without waiting.
Which names a deployment knows is `planning/live_names`'s; the proxies hear of them as of every other change.
"""

from contextlib import suppress
from datetime import timedelta

from moorage.domain.changes import Key
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.ports import NotRunning, Proxies, Runtime, Store
from moorage.planning import live_names, sidecar
from moorage.planning.actions import HostsEntry

REACHABLE = frozenset({Status.PENDING, Status.RUNNING, Status.DEACTIVATING, Status.STOPPING})
"""Statuses in which programs of a task may look for a name."""

LOOK_AGAIN = timedelta(seconds=0.25)
"""A slow look at a task whose proxy is not as far yet, in case its word was lost."""

Entries = tuple[HostsEntry, ...]


class Names:
    """The decider, by namespace: the only writer of a deployment's names after its creation."""

    def __init__(self, store: Store, default: str) -> None:
        self._store = store
        self._default = default

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        deployments = live_names.plan(key, world, self._default)
        if deployments:
            writes, expect = live_names.writes(deployments, world)
            await self._store.commit(writes, expect)
        return None


class Hosts:
    """The doer, by deployment. `waiting` holds the deployments with a task whose proxy is not as far yet."""

    def __init__(self, store: Store, runtime: Runtime, proxies: Proxies, default: str) -> None:
        self._store = store
        self._runtime = runtime
        self._proxies = proxies
        self._default = default
        self._told: dict[Key, dict[str, Entries]] = {}
        self.waiting: set[Key] = set()

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        deployment = world.get(Deployment, key)
        service = world.get(Service, key[:4])
        self.waiting.discard(key)
        if deployment is None or service is None or not live_names.is_live(service, self._default):
            self._told.pop(key, None)
            return None
        before = self._told.get(key, {})
        told: dict[str, Entries] = {}
        wanted = sidecar.hosts(deployment)
        for task_id in _reachable(world, deployment):
            known = before.get(task_id)
            entries = self._now(task_id, deployment, known)
            if entries is not None:
                if entries != known:
                    await self._name(task_id, entries)
                told[task_id] = entries
            if entries != wanted:
                self.waiting.add(key)
        self._told[key] = told
        return LOOK_AGAIN if key in self.waiting else None

    def _now(self, task_id: str, deployment: Deployment, known: Entries | None) -> Entries | None:
        """The names that the task may know now: what it knows, and what its proxy takes traffic for.

        None while neither is known: then it has the names that it was prepared with.
        """
        takes = self._proxies.takes(task_id)
        if takes is None and known is None:
            return None
        ready = {entry.name for entry in known or ()}
        for name in deployment.known:
            if takes is not None and (name.vip, name.endpoint.alias_port) in takes:
                ready.add(name.endpoint.alias)
        return tuple(entry for entry in sidecar.hosts(deployment) if entry.name in ready)

    async def _name(self, task_id: str, entries: Entries) -> None:
        """A task that ends meanwhile needs no names."""
        with suppress(NotRunning):
            await self._runtime.name(task_id, entries)


def _reachable(world: World, deployment: Deployment) -> list[str]:
    found = []
    for task in world.linked(Task, "deployment", deployment.key):
        state = world.get(TaskState, task.key)
        if state is not None and state.status in REACHABLE and state.address is not None:
            found.append(task.id)
    return found
