"""The slow look at the runtime as a whole, in case a word of it was lost: one question, however many tasks there are.

Tasks of which it tells something new are nudged, and what it holds of tasks that are not in the World, or have STOPPED
there, is taken away. What follows from what is new is the doer of tasks' business.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from moorage.domain.changes import Key
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.ports import Proxies, Runtime, Store

PERIOD: Final = timedelta(seconds=10)


class Sweep:
    """A controller of one key. `seen`: the revision of every task as it was observed last, by its id."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        proxies: Proxies,
        seen: Mapping[str, int],
        nudge: Callable[[str], None],
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._proxies = proxies
        self._seen = seen
        self._nudge = nudge

    async def reconcile(self, key: Key) -> Wake:
        held = await self._runtime.tasks()
        for task_id, _ in sorted(held.items() ^ self._seen.items()):
            self._nudge(task_id)
        world = self._store.snapshot()
        for task_id in sorted(held.keys() - self._seen.keys()):
            if not _is_wanted(world, task_id):
                await self._runtime.remove(task_id)
                await self._proxies.close(task_id)
        return PERIOD


def _is_wanted(world: World, task_id: str) -> bool:
    """Whether there is such a task, and it has not STOPPED."""
    states = (world.get(TaskState, task.key) for task in world.linked(Task, "id", (task_id,)))
    return any(state is None or state.status is not Status.STOPPED for state in states)
