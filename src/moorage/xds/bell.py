"""A bell that one task waits for: rung while nobody listens, it is heard at the next wait.

As an asyncio.Event that clears itself, for one listener, at half the price: a change rings it for every proxy there is.
"""

import asyncio


class Bell:
    """`ring` as often as you like; `heard` returns once for all rings since it last did."""

    __slots__ = ("_listener", "_rung")

    def __init__(self) -> None:
        self._rung = False
        self._listener: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._rung = True
        if self._listener is not None and not self._listener.done():
            self._listener.set_result(None)

    async def heard(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for a ring, in a task of `loop`, unless there was one that nobody has heard."""
        if not self._rung:
            self._listener = loop.create_future()
            try:
                await self._listener
            finally:
                self._listener = None
        self._rung = False
