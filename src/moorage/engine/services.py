"""The deciders of services: how many tasks there shall be, and which of them the registry holds. They only write."""

from moorage.domain.changes import Expect, Key
from moorage.domain.registry import InstancesRevision
from moorage.domain.service import Service
from moorage.engine.loop import Wake
from moorage.engine.ports import Clock, Ids, Store
from moorage.planning import registration, service_plan


class Services:
    """Keeps a service's tasks at its desired count, deployment by deployment."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        service = world.get(Service, key)
        if service is None:
            return None
        plan = service_plan.plan(service, world, self._clock.now(), self._ids)
        if plan.writes:
            await self._store.commit(plan.writes, plan.read)
        return plan.wake


class Registry:
    """Keeps the managed Cloud Map instances of a service equal to the tasks that serve."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        service = world.get(Service, key)
        if service is None:
            return None
        writes = registration.plan(service, world, self._clock.now())
        if writes:
            revisions = {w.id: world.versions.get(w.id, 0) for w in writes if w.id[0] == InstancesRevision.table}
            expect: Expect = {(Service.table, key): world.version(Service, key), **revisions}
            await self._store.commit(writes, expect)
        return None
