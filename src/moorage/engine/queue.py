"""The work queue: keys in, keys out, each at most once at a time.

A key that is added while it waits is not added twice; one that is added while it is worked on comes round again.
A delayed key is due at its earliest time. Back-off per key doubles with each failure and ends with a success.
"""

import asyncio
from datetime import timedelta
from typing import Final

from moorage.domain.changes import Key

Item = tuple[str, Key]
"""The name of a controller and the key it shall look at."""

FIRST_BACK_OFF: Final = 0.05
LONGEST_BACK_OFF: Final = 30.0


class Queue:
    """Serial per item, parallel across items. Single event loop; no locks."""

    def __init__(self) -> None:
        # Of all who wait it wakes one for each item; waking all of them cost more than the work itself.
        self._ready: asyncio.Queue[Item] = asyncio.Queue()
        self._waiting: set[Item] = set()
        self._working: set[Item] = set()
        self._again: set[Item] = set()
        self._timers: dict[Item, asyncio.TimerHandle] = {}
        self._failures: dict[Item, int] = {}

    def add(self, item: Item) -> None:
        """Make `item` due now."""
        self._cancel_timer(item)
        if item in self._working:
            self._again.add(item)
        elif item not in self._waiting:
            self._waiting.add(item)
            self._ready.put_nowait(item)

    def add_after(self, item: Item, delay: timedelta) -> None:
        """Make `item` due after `delay`, or earlier if it already is or is added before."""
        if item in self._waiting or item in self._again:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, delay.total_seconds())
        timer = self._timers.get(item)
        if timer is not None and timer.when() <= due:
            return
        self._cancel_timer(item)
        self._timers[item] = loop.call_at(due, self._due, item)

    async def get(self) -> Item:
        """The next due item; it is not given out again before `done`."""
        item = await self._ready.get()
        self._waiting.discard(item)
        self._working.add(item)
        return item

    def done(self, item: Item) -> None:
        """Work on `item` has ended; if it was added meanwhile, it is due again."""
        self._working.discard(item)
        if item in self._again:
            self._again.discard(item)
            self.add(item)

    def succeeded(self, item: Item) -> None:
        self._failures.pop(item, None)

    def failed(self, item: Item) -> float:
        """Make `item` due again after its back-off; return the back-off in seconds."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        delay = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * (1 << min(failures, 16)))
        self.add_after(item, timedelta(seconds=delay))
        return delay

    @property
    def idle(self) -> bool:
        """True when nothing is due and nothing is being worked on (timers may still be running)."""
        return self._ready.empty() and not (self._working or self._again)

    def close(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, item: Item) -> None:
        self._timers.pop(item, None)
        self.add(item)

    def _cancel_timer(self, item: Item) -> None:
        timer = self._timers.pop(item, None)
        if timer is not None:
            timer.cancel()
