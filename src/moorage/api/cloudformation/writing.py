"""CreateStack, UpdateStack, DeleteStack: what is wanted is checked and committed; the engine does the rest."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.api.cloudformation import request, stacks_of
from moorage.api.cloudformation.request import Identity, Wanted
from moorage.api.cloudformation.stacks_of import invalid
from moorage.api.context import RequestContext
from moorage.domain.changes import ABSENT, Put, RecordId, Write
from moorage.domain.claim import EXPORT, Claim, claim_key
from moorage.domain.stack import STACK_NAME, UPDATABLE, Source, Stack, StackResource, StackStatus
from moorage.domain.world import World
from moorage.engine.stacks import exports_of, neighbours_of
from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes, progress
from moorage.stacks.changes import ChangePlan
from moorage.stacks.ledger import Ledger
from moorage.stacks.nodes import TemplateError
from moorage.wire.faults import reject

Expects = dict[RecordId, int]


async def create_stack(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    name = given["StackName"]
    existing = stacks_of.find(ctx, ctx.world(), name)
    if existing is not None:
        token = given.get("ClientRequestToken", "")
        if token and existing.request_token == token:
            return {"StackId": existing.id}
        raise reject("AlreadyExistsException", f"Stack [{name}] already exists")
    stack = _new(ctx, given)
    try:
        wanted = await request.read(ctx, given, Identity(name, stack.id))
        world = ctx.world()
        stack = replace(stack, source=wanted.source, description=wanted.template.description)
        stack = replace(stack, imports=blueprints.imports(wanted.blueprint))
        _planned(world, stack, wanted)
    except TemplateError as error:
        raise invalid(error.sentence) from error
    name_key = claim_key(ctx.account, ctx.region, STACK_NAME, name)
    claim = Claim(ctx.account, ctx.region, STACK_NAME, (name,), stack.id)
    ledger = _begun(ctx, stack, StackStatus.CREATE_IN_PROGRESS)
    expect: Expects = {(Claim.table, name_key): ABSENT, (Stack.table, stack.key): ABSENT}
    await _commit(ctx, world, ledger, [Put(claim)], expect)
    return {"StackId": stack.id}


def _new(ctx: RequestContext, given: Mapping[str, Any]) -> Stack:
    if "DisableRollback" in given and "OnFailure" in given:
        raise invalid("Only one of DisableRollback and OnFailure may be specified.")
    on_failure = given.get("OnFailure", "DO_NOTHING" if given.get("DisableRollback") else "ROLLBACK")
    return Stack(
        account=ctx.account,
        region=ctx.region,
        name=given["StackName"],
        uid=ctx.ids.uuid(),
        status=StackStatus.CREATE_IN_PROGRESS,
        created_at=ctx.now(),
        source=Source(""),
        phase="",
        on_failure=on_failure,
        termination_protection=given.get("EnableTerminationProtection", False),
        request_token=given.get("ClientRequestToken", ""),
    )


def _planned(world: World, stack: Stack, wanted: Wanted) -> ChangePlan:
    """The changes that lie ahead. Drawing them up finds what cannot be, with the values known so far."""
    neighbours = neighbours_of(stack, world)
    exported = blueprints.exports(wanted.blueprint)
    progress.exports_free(exported, neighbours)
    progress.exports_kept(dict.fromkeys(exported), neighbours)
    resources = world.linked(StackResource, "stack", stack.key)
    return changes.plan({one.logical_id: one.current for one in resources if one.current}, wanted.blueprint)


def _begun(ctx: RequestContext, stack: Stack, status: StackStatus, **members: Any) -> Ledger:
    """A ledger in which the stack has turned to a status, told in its first event."""
    ledger = Ledger(stack, (), ctx.now(), ctx.ids.uuid)
    ledger.turn(status, "User Initiated", **members)
    return ledger


async def _commit(ctx: RequestContext, world: World, ledger: Ledger, writes: list[Write], expect: Expects) -> None:
    """Commit, holding on to the exports that the stack uses: their stacks may not let them go meanwhile."""
    exports = exports_of(world, ctx.account, ctx.region)
    used = [exports[name] for name in ledger.stack.imports if name in exports]
    held: Expects = {(Claim.table, claim.key): world.version(Claim, claim.key) for claim in used}
    # Writing a claim as it is moves its version on: who decided meanwhile that nobody uses it has to look again.
    await ctx.store.commit([*ledger.writes(), *writes, *(Put(claim) for claim in used)], {**held, **expect})


async def update_stack(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    if stack.status not in UPDATABLE:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
    expect: Expects = {(Stack.table, stack.key): world.version(Stack, stack.key)}
    try:
        wanted = await request.read(ctx, given, Identity(stack.name, stack.id, stack.source))
        world = ctx.world()
        plan = _planned(world, stack, wanted)
        if not plan.changes and _same_outputs(world, stack, wanted):
            raise invalid("No updates are to be performed.")
    except TemplateError as error:
        raise invalid(error.sentence) from error
    imports = tuple(sorted({*stack.imports, *blueprints.imports(wanted.blueprint)}))
    ledger = _begun(
        ctx,
        replace(stack, request_token=given.get("ClientRequestToken", "")),
        StackStatus.UPDATE_IN_PROGRESS,
        source=wanted.source,
        before=stack.source,
        imports=imports,
        updated_at=ctx.now(),
        description=wanted.template.description,
    )
    await _commit(ctx, world, ledger, [], expect)
    return {"StackId": stack.id}


def _same_outputs(world: World, stack: Stack, wanted: Wanted) -> bool:
    resources = world.linked(StackResource, "stack", stack.key)
    existing = {one.logical_id: one.current for one in resources if one.current}
    return blueprints.outputs(wanted.blueprint, existing) == stack.outputs


_DELETABLE = frozenset(status for status in StackStatus if not status.moving) | {StackStatus.CREATE_IN_PROGRESS}


async def delete_stack(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.find(ctx, world, given["StackName"])
    if stack is None or stack.status in {StackStatus.DELETE_COMPLETE, StackStatus.DELETE_IN_PROGRESS}:
        return {}
    _may_be_deleted(world, stack, given.get("RetainResources", []))
    token = given.get("ClientRequestToken", "")
    retain = tuple(given.get("RetainResources", []))
    ledger = _begun(ctx, replace(stack, request_token=token), StackStatus.DELETE_IN_PROGRESS, retain=retain)
    held = neighbours_of(stack, world).versions
    expect: Expects = {(Stack.table, stack.key): world.version(Stack, stack.key)}
    expect |= {(Claim.table, claim_key(ctx.account, ctx.region, EXPORT, name)): held[name] for name in held}
    await ctx.store.commit(ledger.writes(), expect)
    return {}


def _may_be_deleted(world: World, stack: Stack, retain: list[str]) -> None:
    if stack.termination_protection:
        raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if stack.status not in _DELETABLE:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
    if retain and stack.status is not StackStatus.DELETE_FAILED:
        raise invalid("Invalid operation on stack: RetainResources is only allowed for a stack in DELETE_FAILED state.")
    known = {one.logical_id for one in world.linked(StackResource, "stack", stack.key)}
    unknown = [name for name in retain if name not in known]
    if unknown:
        raise invalid(f"The following resources to retain do not exist in the stack: [{', '.join(unknown)}]")
    neighbours = neighbours_of(stack, world)
    for name in sorted(neighbours.values):
        users = neighbours.importers(name)
        if users:
            raise invalid(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")


async def update_termination_protection(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    changed = replace(stack, termination_protection=given["EnableTerminationProtection"])
    await ctx.store.commit([Put(changed)], {(Stack.table, stack.key): world.version(Stack, stack.key)})
    return {"StackId": stack.id}
