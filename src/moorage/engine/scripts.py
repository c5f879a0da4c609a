"""Runs a resource's script against the Operations port, a stretch at a time.

A stretch ends when there is something to record, when the script has to wait, or when it has ended. Nothing is stored
here: what a crash loses is found again by running the script from its start, marked as resumed.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from moorage.engine.ports import OperationFailed, Operations
from moorage.stacks.resources import failure
from moorage.stacks.resources.script import Declined, Failed, Made, Order, Request, Script, Step, Until

OUTAGE: Final = 60.0
"""For how many seconds a service that answers with a server error is asked again."""


@dataclass(frozen=True)
class Waiting:
    """The script waits for something that is not so yet."""


@dataclass(frozen=True)
class Done:
    """The script has reached its end."""


@dataclass(frozen=True)
class Broken:
    """The script has failed, for this reason."""

    reason: str


@dataclass(frozen=True)
class Stopped:
    """The script was broken off while it waited, as was asked."""


Report = Waiting | Made | Done | Broken | Stopped


class Run:
    """One script on its way."""

    def __init__(self, order: Order, script: Script, operations: Operations) -> None:
        self.order = order
        self._script = script
        self._operations = operations
        self._step: Step | None = None
        self._begun = False
        self._since: datetime | None = None

    async def stretch(self, now: datetime, stop: bool) -> Report:
        """Go on until there is something to report."""
        try:
            if not self._begun or isinstance(self._step, Made):
                self._send(None)  # what was made was reported by the stretch before, and has been recorded
            while True:
                step = self._step
                if step is None:
                    return Done()
                if isinstance(step, Made):
                    return step
                if stop and isinstance(step, Until):
                    self._script.close()
                    return Stopped()
                if not await self._ask(step, now):
                    return Waiting()
        except (Declined, Failed) as problem:
            return Broken(failure.sentence(problem, self.order.token))

    async def _ask(self, step: Request | Until, now: datetime) -> bool:
        """Make the request of a step; True when the script has gone on to its next step."""
        request = step.request if isinstance(step, Until) else step
        try:
            answer = await self._operations.call(
                self.order.account, self.order.region, request.service, request.operation, request.arguments
            )
        except OperationFailed as error:
            return self._declined(step, Declined(request, error.code, error.message, error.status), now)
        if isinstance(step, Request):
            self._send(answer)
            return True
        return self._settled(step, answer, now)

    def _settled(self, step: Until, answer: dict[str, Any], now: datetime) -> bool:
        if step.settled(answer):
            self._send(answer)
            return True
        if step.patience is not None and self._waited(now) > step.patience:
            self._throw(Failed("The resource did not stabilize in time.", "NotStabilized"))
            return True
        return False

    def _declined(self, step: Request | Until, declined: Declined, now: datetime) -> bool:
        patience = OUTAGE if declined.status >= 500 else 0.0
        if isinstance(step, Until) and declined.code in step.again_on:
            patience = step.patience if step.patience is not None else float("inf")
        if self._waited(now) < patience:
            return False
        self._throw(declined)
        return True

    def _waited(self, now: datetime) -> float:
        """Seconds since this step was first asked for in vain."""
        if self._since is None:
            self._since = now
        return (now - self._since).total_seconds()

    def waited(self, now: datetime) -> float:
        """How long the running wait has taken, in seconds."""
        return 0.0 if self._since is None else (now - self._since).total_seconds()

    def _send(self, answer: Any) -> None:
        self._advance(lambda: self._script.send(answer))

    def _throw(self, problem: Declined | Failed) -> None:
        self._advance(lambda: self._script.throw(problem))

    def _advance(self, move: Callable[[], Step]) -> None:
        self._begun = True
        self._since = None
        self._step = None
        with contextlib.suppress(StopIteration):  # the script has ended: there is no further step
            self._step = move()
