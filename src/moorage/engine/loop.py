"""The one control loop: take a key, let its controller act, come back when it asked to.

The only place that catches everything: it logs, counts and backs off per key. A stale commit is no failure, but a
reason to look again at once.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

from moorage.domain.changes import Key, Stale
from moorage.engine.ports import RuntimeFailed
from moorage.engine.queue import Item, Queue

WORKERS: Final = 32

log = logging.getLogger(__name__)

Wake = timedelta | None
"""When to look at the key again at the latest; None: only when something changes."""


class Controller(Protocol):
    """Looks at one key: snapshot, plan, perform, commit."""

    async def reconcile(self, key: Key) -> Wake: ...


class Loop:
    """Runs controllers over a queue."""

    def __init__(self, queue: Queue, controllers: Mapping[str, Controller]) -> None:
        self._queue = queue
        self._controllers = controllers
        self._workers: list[asyncio.Task[None]] = []
        self.failures = 0

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def stop(self) -> None:
        """End at once; what was under way is taken up again from the store at the next start."""
        self._queue.close()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._workers = []

    async def _work(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                await self._reconcile(item)
            finally:
                self._queue.done(item)

    async def _reconcile(self, item: Item) -> None:
        name, key = item
        try:
            wake = await self._controllers[name].reconcile(key)
        except Stale as stale:
            log.debug("%s %s: %s", name, "/".join(key), stale)
            self._queue.add(item)
        except RuntimeFailed as failure:
            delay = self._queue.failed(item)
            log.warning("%s %s: %s; next attempt in %.2f s", name, "/".join(key), failure.reason, delay)
        except Exception:  # the one place that knows what is safe: back off and look again
            self.failures += 1
            delay = self._queue.failed(item)
            log.exception("%s %s failed; next attempt in %.2f s", name, "/".join(key), delay)
        else:
            self._queue.succeeded(item)
            if wake is not None:
                self._queue.add_after(item, wake)
