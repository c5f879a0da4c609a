"""RequestContext: what a handler is given beside its input. It knows no protocol.

A handler reads one snapshot, decides with the domain, commits once and presents. When its commit is stale, the frame
calls it again from the start; so nothing may be done outside the store before the commit.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moorage.api.ecs.machine import Machine
from moorage.domain.role_session import RoleSession
from moorage.domain.world import World
from moorage.engine.ports import Clock, Ids, Operations, Store


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One call of an operation: who asks, where, and the doors that a handler may use.

    `ask_support` is for operations that are answered here in part and by the support process for the rest.

    `session` is that of the temporary credentials that the request was made with, if any.
    `machine` is what this machine registers as a container instance.
    `later` runs what shall go on after the answer; its intent must be in the store before, since the daemon may die.
    """

    account: str
    region: str
    service: str
    operation: str
    request_id: str
    store: Store
    clock: Clock
    ids: Ids
    operations: Operations
    later: Callable[[Coroutine[Any, Any, None]], None]
    ask_support: "AskSupport"
    machine: Machine
    session: RoleSession | None = None
    hints: list[str] = field(default_factory=list)

    def world(self) -> World:
        return self.store.snapshot()

    def now(self) -> datetime:
        return self.clock.now()

    def hint(self, sentence: str) -> None:
        """Tell the caller something that AWS would not: it goes out as a header, beside the answer."""
        self.hints.append(sentence)


AskSupport = Callable[[str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Asks the support process for an operation of a service, in the caller's name. OperationFailed."""

Handler = Callable[[RequestContext, dict[str, Any]], Awaitable[dict[str, Any]]]
"""An operation: validated input in, output under the model's member names out; None members are not allowed."""
