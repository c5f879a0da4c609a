"""CreateStack, UpdateStack, DeleteStack: what is wanted is checked and committed; the engine does the rest."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.api.cloudformation import request, stacks_of
from moorage.api.cloudformation.request import Identity
from moorage.api.cloudformation.stacks_of import invalid
from moorage.api.context import RequestContext
from moorage.domain.change_set import ChangeSet
from moorage.domain.changes import ABSENT, Delete, Put, RecordId, Write
from moorage.domain.claim import EXPORT, Claim, claim_key
from moorage.domain.stack import STACK_NAME, UPDATABLE, Deployed, Source, Stack, StackResource, StackStatus
from moorage.domain.world import World
from moorage.engine.stacks import exports_of, neighbours_of
from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes, progress
from moorage.stacks.blueprint import Blueprint
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
    stack = new(ctx, given)
    try:
        wanted = await request.read(ctx, given, Identity(name, stack.id))
        world = ctx.world()
        planned(world, stack, wanted.blueprint)
    except TemplateError as error:
        raise invalid(error.sentence) from error
    ledger = creation(ctx, stack, wanted.source, wanted.blueprint)
    await commit(ctx, world, ledger, [Put(name_claim(stack))], first_of(stack))
    return {"StackId": stack.id}


def new(ctx: RequestContext, given: Mapping[str, Any]) -> Stack:
    """A stack of which there is nothing yet."""
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


def name_claim(stack: Stack) -> Claim:
    """What keeps a stack's name from others until it is deleted."""
    return Claim(stack.account, stack.region, STACK_NAME, (stack.name,), stack.id)


def first_of(stack: Stack) -> Expects:
    """There is neither this stack yet nor another of its name."""
    return {(Claim.table, name_claim(stack).key): ABSENT, (Stack.table, stack.key): ABSENT}


def planned(world: World, stack: Stack, blueprint: Blueprint) -> ChangePlan:
    """The changes that lie ahead. Drawing them up finds what cannot be, with the values known so far."""
    neighbours = neighbours_of(stack, world)
    exported = blueprints.exports(blueprint)
    progress.exports_free(exported, neighbours)
    progress.exports_kept(dict.fromkeys(exported), neighbours)
    return changes.plan(existing_of(world, stack), blueprint)


def existing_of(world: World, stack: Stack) -> dict[str, Deployed]:
    """What there is of the stack, by logical id."""
    resources = world.linked(StackResource, "stack", stack.key)
    return {one.logical_id: one.current for one in resources if one.current}


def begun(ctx: RequestContext, stack: Stack, status: StackStatus, **members: Any) -> Ledger:
    """A ledger in which the stack has turned to a status, told in its first event."""
    ledger = Ledger(stack, (), ctx.now(), ctx.ids.uuid)
    ledger.turn(status, "User Initiated", **members)
    return ledger


def creation(ctx: RequestContext, stack: Stack, source: Source, blueprint: Blueprint) -> Ledger:
    """The stack on its way to what the blueprint wants, from nothing."""
    return begun(
        ctx,
        stack,
        StackStatus.CREATE_IN_PROGRESS,
        source=source,
        description=blueprint.template.description,
        imports=blueprints.imports(blueprint),
    )


def update(ctx: RequestContext, stack: Stack, source: Source, blueprint: Blueprint) -> Ledger:
    """The stack on its way from what it is to what the blueprint wants."""
    return begun(
        ctx,
        stack,
        StackStatus.UPDATE_IN_PROGRESS,
        source=source,
        before=stack.source,
        imports=tuple(sorted({*stack.imports, *blueprints.imports(blueprint)})),
        updated_at=ctx.now(),
        description=blueprint.template.description,
    )


async def commit(ctx: RequestContext, world: World, ledger: Ledger, writes: list[Write], expect: Expects) -> None:
    """Commit, holding on to the exports that the stack uses: their stacks may not let them go meanwhile."""
    exports = exports_of(world, ctx.account, ctx.region)
    used = [exports[name] for name in ledger.stack.imports if name in exports]
    held: Expects = {(Claim.table, claim.key): world.version(Claim, claim.key) for claim in used}
    # Writing a claim as it is moves its version on: who decided meanwhile that nobody uses it has to look again.
    await ctx.store.commit([*ledger.writes(), *writes, *(Put(claim) for claim in used)], {**held, **expect})


async def update_stack(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    check_updatable(stack)
    expect: Expects = {(Stack.table, stack.key): world.version(Stack, stack.key)}
    try:
        wanted = await request.read(ctx, given, Identity(stack.name, stack.id, stack.source))
        world = ctx.world()
        plan = planned(world, stack, wanted.blueprint)
        if not plan.changes and same_outputs(world, stack, wanted.blueprint):
            raise invalid("No updates are to be performed.")
    except TemplateError as error:
        raise invalid(error.sentence) from error
    asked = replace(stack, request_token=given.get("ClientRequestToken", ""))
    spent = [one for one in world.linked(ChangeSet, "stack", stack.key) if one.executed]
    writes: list[Write] = [Delete(ChangeSet.table, one.key) for one in spent]
    await commit(ctx, world, update(ctx, asked, wanted.source, wanted.blueprint), writes, expect)
    return {"StackId": stack.id}


def check_updatable(stack: Stack) -> None:
    """Refuse where no update may begin."""
    if stack.status not in UPDATABLE:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def same_outputs(world: World, stack: Stack, blueprint: Blueprint) -> bool:
    """The blueprint puts out what the stack puts out already."""
    return blueprints.outputs(blueprint, existing_of(world, stack)) == stack.outputs


_DELETABLE = frozenset(status for status in StackStatus if not status.moving) | {StackStatus.CREATE_IN_PROGRESS}


async def delete_stack(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.find(ctx, world, given["StackName"])
    if stack is None or stack.status in {StackStatus.DELETE_COMPLETE, StackStatus.DELETE_IN_PROGRESS}:
        return {}
    _may_be_deleted(world, stack, given.get("RetainResources", []))
    token = given.get("ClientRequestToken", "")
    retain = tuple(given.get("RetainResources", []))
    source = replace(stack.source, role_arn=given.get("RoleARN", stack.source.role_arn))
    going = replace(stack, request_token=token, source=source)
    ledger = begun(ctx, going, StackStatus.DELETE_IN_PROGRESS, retain=retain)
    drafts = world.linked(ChangeSet, "stack", stack.key)
    held = neighbours_of(stack, world).versions
    expect: Expects = {(Stack.table, stack.key): world.version(Stack, stack.key)}
    expect |= {(Claim.table, claim_key(ctx.account, ctx.region, EXPORT, name)): held[name] for name in held}
    await ctx.store.commit([*ledger.writes(), *(Delete(ChangeSet.table, one.key) for one in drafts)], expect)
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
