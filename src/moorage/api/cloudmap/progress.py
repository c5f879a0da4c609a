"""Submits asynchronous operations and walks them on after the answer: SUBMITTED, PENDING, SUCCESS or FAIL.

Each step is a commit, so an operation that a dying daemon left is taken up again by `resume`. What a step does is
decided by `domain/registry_operations`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.api.context import RequestContext
from moorage.domain import registry_errors, registry_operations
from moorage.domain.changes import ABSENT, Delete, Expect, Key, Put, Stale, Write
from moorage.domain.errors import DomainError
from moorage.domain.registry import SUBMITTED, Instance, Namespace, Operation, RegistryService
from moorage.domain.registry_operations import Step
from moorage.domain.world import World
from moorage.engine.ports import Clock, Store
from moorage.wire import fault_table

OPERATIONS_KEPT = 1000
"""How many operations an account and region keep before the older finished ones are forgotten."""


@dataclass(frozen=True)
class Intent:
    """What an operation shall do: its type, its targets, and the record that it shall put."""

    type: str
    targets: Mapping[str, str]
    namespace: Namespace | None = None
    service: RegistryService | None = None
    instance: Instance | None = None
    request_id: str = ""


async def submit(
    ctx: RequestContext, intent: Intent, writes: Sequence[Write] = (), expect: Expect | None = None
) -> dict[str, Any]:
    """Commit the operation with what must be held at once (claims), start it, and answer with its id."""
    _check_alone(ctx, intent)
    operation = drafted(ctx, intent)
    forgotten = _forgotten(ctx.world(), ctx.account, ctx.region)
    await ctx.store.commit(
        [Put(operation), *writes, *forgotten], {(Operation.table, operation.key): ABSENT, **(expect or {})}
    )
    ctx.later(advance(ctx.store, ctx.clock, operation.key))
    return {"OperationId": operation.id}


def drafted(ctx: RequestContext, intent: Intent) -> Operation:
    """The operation as it is submitted: for a commit, after which it is to be walked on (`advance`)."""
    now = ctx.now()
    return Operation(
        account=ctx.account,
        region=ctx.region,
        id=f"{ctx.ids.letters(32)}-{ctx.ids.letters(8)}",
        type=intent.type,
        status=SUBMITTED,
        created_at=now,
        updated_at=now,
        targets=dict(intent.targets),
        request_id=intent.request_id,
        namespace=intent.namespace,
        service=intent.service,
        instance=intent.instance,
    )


def _check_alone(ctx: RequestContext, intent: Intent) -> None:
    """SameRequest if an operation on the same target is under way."""
    for other in unfinished(ctx.world(), ctx.account, ctx.region):
        if other.targets == intent.targets:
            raise registry_errors.SameRequest(ctx.operation, other.id)


def _forgotten(world: World, account: str, region: str) -> list[Write]:
    """The older half of the finished operations, once there are too many to keep."""
    if world.count_linked(Operation, "scope", (account, region)) < OPERATIONS_KEPT:
        return []
    finished = [operation for operation in world.within(Operation, account, region) if operation.finished]
    finished.sort(key=lambda operation: operation.updated_at)
    return [Delete(Operation.table, operation.key) for operation in finished[: len(finished) // 2]]


def unfinished(world: World, account: str, region: str) -> list[Operation]:
    """The operations under way in an account and region."""
    return world.linked(Operation, "unfinished", (account, region))


async def advance(store: Store, clock: Clock, key: Key) -> None:
    """Walk an operation to its end."""
    while True:
        world = store.snapshot()
        step = _step(world, key, clock)
        if step is None:
            return
        try:
            await store.commit(step.writes, step.expect(world))
        except Stale:
            # Something that the step rests on moved: look again. Whoever moved it has made progress.
            continue


def _step(world: World, key: Key, clock: Clock) -> Step | None:
    now = clock.now()
    try:
        return registry_operations.next_step(world, key, now)
    except DomainError as error:
        operation = world.get(Operation, key)
        fault = fault_table.fault(error, "servicediscovery")
        return None if operation is None else registry_operations.failed(operation, fault.code, fault.message, now)


async def resume(store: Store, clock: Clock) -> None:
    """Finish what a former daemon left under way. Called once, at the start."""
    left = [operation.key for operation in store.snapshot().all(Operation) if not operation.finished]
    await asyncio.gather(*(advance(store, clock, key) for key in left))
