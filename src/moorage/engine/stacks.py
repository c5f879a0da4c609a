"""The doer of stacks: commits what is to be done, runs the scripts of the resources, records what came of them.

What comes next is decided in `stacks/progress`; what a resource type does, in its script. After a crash the records
say which acts were under way, and their scripts are run again as resumed.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from moorage.domain.changes import Key
from moorage.domain.claim import EXPORT, Claim, claim_key
from moorage.domain.stack import Stack, StackResource
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.ports import Clock, Ids, Operations, Store
from moorage.engine.scripts import Broken, Done, Report, Run, Stopped, Waiting
from moorage.stacks import blueprint as blueprints
from moorage.stacks import outcome, progress
from moorage.stacks.blueprint import Blueprint, Surroundings
from moorage.stacks.ledger import Ledger
from moorage.stacks.outcome import Act
from moorage.stacks.progress import Neighbours
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.resources.script import Made, Order, Script
from moorage.stacks.scope import pseudo_parameters

SOONEST: Final = 0.1
LATEST: Final = 1.0
"""Seconds between two looks at something that is waited for; the longer it has taken, the later the next look."""

Runs = dict[str, Run]


class Stacks:
    """Takes each stack through its life."""

    def __init__(self, store: Store, operations: Operations, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._operations = operations
        self._clock = clock
        self._ids = ids
        self._runs: dict[Key, Runs] = {}
        self._reports: dict[Key, dict[str, Report]] = {}

    async def reconcile(self, key: Key) -> Wake:
        """Go on with a stack until everything that is under way has to be waited for."""
        while True:
            ledger = await self._turn(key)
            if ledger is None or not ledger.stack.status.moving:
                self._forget(key)
                return None
            runs = self._take_up(key, ledger)
            stop = progress.to_be_stopped(ledger)
            await self._stretch(key, runs, stop)
            if not self._reports.get(key):
                return self._next_look(runs)

    async def _turn(self, key: Key) -> Ledger | None:
        """Record what the scripts reported and begin what comes next, in one commit."""
        world = self._store.snapshot()
        stack = world.get(Stack, key)
        if stack is None:
            return None
        ledger = Ledger(stack, world.linked(StackResource, "stack", key), self._clock.now(), self._ids.uuid)
        for logical_id, report in self._reports.get(key, {}).items():
            _record(ledger, logical_id, report)
        progress.advance(ledger, lambda: blueprint_of(ledger.stack, world), neighbours_of(stack, world))
        writes = ledger.writes()
        if writes:
            expect = {(Stack.table, key): world.version(Stack, key), **ledger.expect}
            await self._store.commit(writes, expect)
        self._reports.pop(key, None)
        return ledger

    def _take_up(self, key: Key, ledger: Ledger) -> Runs:
        """The scripts of all acts under way: those that run, those just begun, those that a crash interrupted."""
        runs = self._runs.setdefault(key, {})
        moving = {resource.logical_id: resource for resource in ledger.moving()}
        for name in [name for name, run in runs.items() if name not in moving or run.order.token != moving[name].token]:
            del runs[name]
        for name, resource in moving.items():
            if name not in runs:
                order = outcome.order_of(ledger.stack, resource, resumed=resource.updated_at != ledger.now)
                runs[name] = Run(order, _script(resource, order), self._operations)
        return runs

    async def _stretch(self, key: Key, runs: Runs, stop: set[str]) -> None:
        """Let every script go on; keep what there is to record, even if one of them breaks down."""
        now = self._clock.now()
        results = await asyncio.gather(
            *(run.stretch(now, name in stop) for name, run in runs.items()), return_exceptions=True
        )
        reports = self._reports.setdefault(key, {})
        breakdown: BaseException | None = None
        for name, result in zip(list(runs), results, strict=True):
            if isinstance(result, BaseException):
                breakdown = result
            elif not isinstance(result, Waiting):
                reports[name] = result
                if not isinstance(result, Made):
                    del runs[name]
        if breakdown is not None:
            raise breakdown

    def _next_look(self, runs: Runs) -> Wake:
        now = self._clock.now()
        waited = min((run.waited(now) for run in runs.values()), default=0.0)
        return timedelta(seconds=min(LATEST, max(SOONEST, waited / 10)))

    def _forget(self, key: Key) -> None:
        self._runs.pop(key, None)
        self._reports.pop(key, None)


def _record(ledger: Ledger, logical_id: str, report: Report) -> None:
    if logical_id not in ledger.resources or not ledger.resources[logical_id].status.moving:
        return
    match report:
        case Made():
            outcome.made(ledger, logical_id, report)
        case Done():
            outcome.done(ledger, logical_id)
        case Broken(reason):
            outcome.failed(ledger, logical_id, reason)
        case Stopped():
            outcome.cancelled(ledger, logical_id)
        case Waiting():
            pass


def _script(resource: StackResource, order: Order) -> Script:
    goal = resource.goal
    kind = TYPES[goal.type if goal else resource.type]
    match outcome.act_of(resource):
        case Act.CREATE:
            return kind.create(order)
        case Act.UPDATE if kind.update is not None:
            return kind.update(order)
        case _:
            return kind.delete(order)


def exports_of(world: World, account: str, region: str) -> dict[str, Claim]:
    """Every export of an account and region, by name."""
    return {claim.name[0]: claim for claim in world.within(Claim, account, region) if claim.kind == EXPORT}


def blueprint_of(stack: Stack, world: World) -> Blueprint:
    """What the stack's source makes of its template."""
    source = stack.source
    exports: Mapping[str, Claim] = exports_of(world, stack.account, stack.region)
    around = Surroundings(
        pseudo=pseudo_parameters(stack.account, stack.region, stack.name, stack.id),
        tags=source.tags,
        exports={name: claim.detail for name, claim in exports.items()},
        zones=source.zones,
        read=source.read,
    )
    return blueprints.draw(blueprints.parse(source.template), source.parameters, around)


def neighbours_of(stack: Stack, world: World) -> Neighbours:
    """What ties the stack to others: the exports that it holds, and who imports them."""
    held = [claim for claim in world.linked(Claim, "owner", (stack.id,)) if claim.kind == EXPORT]
    return Neighbours(
        importers=lambda name: importers(world, stack.account, stack.region, name),
        exporter=lambda name: _other_exporter(world, stack, name),
        values={claim.name[0]: claim.detail for claim in held},
        versions={claim.name[0]: world.version(Claim, claim.key) for claim in held},
    )


def _other_exporter(world: World, stack: Stack, export: str) -> str:
    """The name of another stack that exports this, or nothing."""
    claim = world.get(Claim, claim_key(stack.account, stack.region, EXPORT, export))
    if claim is None or claim.owner == stack.id:
        return ""
    return claim.owner.split("/")[1]


def importers(world: World, account: str, region: str, export: str) -> list[str]:
    """The names of the stacks that use an export."""
    return sorted(stack.name for stack in world.linked(Stack, "import", (account, region, export)))
