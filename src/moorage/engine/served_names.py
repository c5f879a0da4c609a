"""The doer of names: tells the name server of tasks what private DNS namespaces hold, whenever that has changed.

Which names those are, and with which records, is `planning/zones`'s.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from moorage.domain.changes import Key, RecordId
from moorage.domain.registry import DNS_PRIVATE, Instance, Namespace, RegistryService
from moorage.domain.task import TaskState
from moorage.domain.world import World
from moorage.domain.zones import Zones
from moorage.engine.loop import Wake
from moorage.engine.ports import Clock, NameServer, Store
from moorage.planning import zones

AT_MOST_EVERY: Final = timedelta(milliseconds=50)
"""How often it is told; names are Cloud Map's, where seconds pass until they are seen."""

_SOURCES: Final = frozenset({Instance.table, RegistryService.table, TaskState.table})


def concerns_names(world: World, touched: Iterable[RecordId]) -> bool:
    """Whether names, or who asks for them, may be others after a commit."""
    tables = {table for table, _ in touched}
    if Namespace.table in tables:
        return True
    return bool(tables & _SOURCES) and world.count_linked(Namespace, "type", (DNS_PRIVATE,)) > 0


class ServedNames:
    """One for all: what was told last is kept, so that nothing is told twice."""

    def __init__(self, store: Store, clock: Clock, server: NameServer) -> None:
        self._store = store
        self._clock = clock
        self._server = server
        self._told: Zones | None = None
        self._told_at: datetime | None = None

    async def reconcile(self, key: Key) -> Wake:
        now = self._clock.now()
        if self._told_at is not None and timedelta(0) <= now - self._told_at < AT_MOST_EVERY:
            return AT_MOST_EVERY - (now - self._told_at)
        told = zones.plan(self._store.snapshot())
        if told != self._told:
            self._server.tell(told)
            self._told, self._told_at = told, now
        return None
