"""Draft: the writes of one operation while it decides, and the versions that they rest on.

Every record that is put or deleted is expected at the version that the snapshot has, so of two requests that race for
one name only one wins; the frame calls the other again, and it decides anew.
"""

from typing import Any, TypeVar

from moorage.domain.changes import Delete, Key, Put, RecordId, Write
from moorage.domain.world import World
from moorage.engine.ports import Store

R = TypeVar("R")


class Draft:
    """Collects what an operation will commit, all at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._writes: dict[RecordId, Write] = {}
        self._expect: dict[RecordId, int] = {}

    def rest_on(self, record: Any) -> None:
        """The decision holds only while this record is as it was read."""
        self._expect_version((record.table, record.key))

    def rest_on_key(self, kind: type[Any], key: Key) -> None:
        """As `rest_on`, for a record that may be absent."""
        self._expect_version((kind.table, key))

    def put(self, record: Any) -> None:
        """Write the record; one that is so already is only rested on."""
        write = Put(record)
        self._expect_version(write.id)
        self._writes.pop(write.id, None)
        if self.world.tables.get(record.table, {}).get(record.key) != record:
            self._writes[write.id] = write

    def touch(self, record: Any) -> None:
        """Put the record again whatever its version is: others may do the same at this moment."""
        write = Put(record)
        self._writes[write.id] = write

    def delete(self, record: Any) -> None:
        write = Delete(record.table, record.key)
        self._expect_version(write.id)
        self._writes[write.id] = write

    def result(self) -> World:
        """The World as it is once this is committed."""
        return self.world.apply(self._writes.values())

    async def commit(self, store: Store) -> World:
        """Commit, and give the World that the answer is read from. Stale."""
        if self._writes:
            await store.commit(list(self._writes.values()), self._expect)
        return self.result()

    def _expect_version(self, record: RecordId) -> None:
        self._expect[record] = self.world.versions.get(record, 0)
