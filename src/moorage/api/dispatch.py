"""Performs one operation: support table, validation, handler. The way is the same for clients and for stacks.

Protocols and HTTP are `app`'s; what an operation does is its handler's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from botocore.model import OperationModel

from moorage.api import forwarding
from moorage.api.context import RequestContext
from moorage.api.ecs.machine import this_machine
from moorage.api.support_table import SupportTable
from moorage.domain.changes import Stale
from moorage.domain.errors import DomainError
from moorage.domain.role_session import RoleSession
from moorage.engine.ports import Clock, Ids, OperationFailed, Store
from moorage.wire import fault_table, models, validate
from moorage.wire.faults import Fault, Rejected, reject
from moorage.wire.message import Request, Response

log = logging.getLogger(__name__)

ATTEMPTS = 100
"""How often a handler is called whose commit others keep overtaking.

Of those that want the same record one wins each time, so a request may need as many as there are: 16 clients that
register revisions of one family were refused with 8.
"""

Forward = Callable[[str, Request], Awaitable[Response]]
"""Passes a request for a supporting service on, by the service's name."""


class Call(NamedTuple):
    """An operation that is asked for: by whom, where, under which request id, with which temporary credentials."""

    account: str
    region: str
    service: str
    operation: str
    request_id: str
    session: RoleSession | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler answered, under which model, and the hints that it left."""

    model: OperationModel
    output: dict[str, Any]
    hints: tuple[str, ...]


class Dispatcher:
    """Finds, validates and performs operations. It is the engine's Operations port."""

    def __init__(
        self, table: SupportTable, store: Store, clock: Clock, ids: Ids, forward: Forward | None = None
    ) -> None:
        self.table = table
        self.clock = clock
        self.ids = ids
        self.forward = forward
        self.machine = this_machine()
        self.store = store
        self._later: set[asyncio.Task[None]] = set()

    async def perform(self, call: Call, parse: Callable[[OperationModel], Any], store: Store | None = None) -> Outcome:
        """Perform an operation on what `parse` gives: its input as JSON would carry it. Rejected, DomainError.

        `store` stands in for the store where it shall be noted what is read.
        """
        supported = self.table.find(call.service, call.operation)
        model = models.operation(call.service, call.operation)
        arguments = validate.read(model, parse(model), models.ENTRIES[call.service].invalid)
        self.table.check(call.service, call.operation, arguments)
        for _ in range(ATTEMPTS):
            context = self._context(call, store or self.store)
            try:
                output = await supported.handler(context, arguments)
            except Stale:
                continue
            return Outcome(model, output, tuple(context.hints))
        raise reject("ServiceUnavailable", "Other requests kept changing the same records. Try again.", 503)

    def repeatable(self, call: Call) -> bool:
        """Whether the same question has the same answer for as long as the World does not change."""
        row = self.table.operations.get(call.service, {}).get(call.operation)
        return row is not None and row.repeatable

    def _context(self, call: Call, store: Store) -> RequestContext:
        return RequestContext(
            account=call.account,
            region=call.region,
            service=call.service,
            operation=call.operation,
            request_id=call.request_id,
            store=store,
            clock=self.clock,
            ids=self.ids,
            operations=self,
            later=self.later,
            ask_support=partial(self._ask_support, call),
            machine=self.machine,
            session=call.session,
        )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that goes on after an answer; it is kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("work after an answer failed", exc_info=task.exception())

    async def settle(self) -> None:
        """Wait until all work that goes on after an answer is done; the daemon does so before it closes the store."""
        while self._later:
            await asyncio.wait(self._later)

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The Operations port: perform an operation as a client would, without the bytes where it is served here."""
        call = Call(account, region, service, operation, self.ids.uuid())
        if self.table.is_passed_on(service, operation):
            return await self._call_supporting(call, arguments)
        try:
            return (await self.perform(call, lambda _model: dict(arguments))).output
        except (Rejected, DomainError) as error:
            raise _failed(call, fault(error, service)) from error

    async def _ask_support(
        self, asking: Call, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        call = Call(asking.account, asking.region, service, operation, asking.request_id)
        return await self._call_supporting(call, arguments)

    async def _call_supporting(self, call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.forward is None:
            raise _failed(call, not_forwarded(call.service))
        request = forwarding.request(
            call.account, call.region, call.service, call.operation, arguments, self.clock.now()
        )
        response = await self.forward(call.service, request)
        return forwarding.output(call.service, call.operation, response)


def fault(error: Rejected | DomainError, service: str) -> Fault:
    """The fault behind either kind of refusal."""
    return error.fault if isinstance(error, Rejected) else fault_table.fault(error, service)


def not_forwarded(service: str) -> Fault:
    """A supporting service without the process that answers for it."""
    return Fault("ServiceUnavailable", f"The service {service} has no support process behind it.", 503)


def _failed(call: Call, found: Fault) -> OperationFailed:
    return OperationFailed(call.service, call.operation, found.code, found.message, found.status)
