"""CreateChangeSet, ExecuteChangeSet, DeleteChangeSet: a stack's next step is drawn up, and taken when it is asked for.

Nothing of a change set is left to be done when the request that makes it is answered.
"""

from dataclasses import replace
from typing import Any, Final

from moorage.api.cloudformation import request, stacks_of, writing
from moorage.api.cloudformation.request import Identity
from moorage.api.cloudformation.stacks_of import invalid
from moorage.api.context import RequestContext
from moorage.domain.change_set import ChangeSet, ResourceChange, change_set_key
from moorage.domain.changes import ABSENT, Delete, Put, RecordId, Write
from moorage.domain.stack import Stack, StackStatus
from moorage.domain.world import World
from moorage.engine.stacks import blueprint_of
from moorage.stacks import preview
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.ledger import Ledger
from moorage.stacks.nodes import TemplateError
from moorage.wire.faults import reject

NO_CHANGES: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)
"""AWS's words, by which its tools tell a change set without changes from one that failed."""


async def create_change_set(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    ledger, expect = _reviewed(ctx, world, given)
    stack, name = ledger.stack, given["ChangeSetName"]
    known = world.get(ChangeSet, change_set_key(ctx.account, ctx.region, stack.uid, name))
    if known is not None:
        if known.token and known.token == given.get("ClientToken"):
            return {"Id": known.id, "StackId": stack.id}
        raise reject("AlreadyExistsException", f"ChangeSet {name} already exists for stack {stack.id}")
    previous = stack.source if stack.source.template else None
    try:
        wanted = await request.read(ctx, given, Identity(stack.name, stack.id, previous))
        drawn = _drawn(ctx, stack, given)
        source = replace(wanted.source, adopts=given.get("ImportExistingResources", False))
        made = _previewed(ctx.world(), stack, replace(drawn, source=source), wanted.blueprint)
    except TemplateError as error:
        raise invalid(error.sentence) from error
    await ctx.store.commit([*ledger.writes(), *_claimed(stack, expect), Put(made)], {**expect, _id(made): ABSENT})
    return {"Id": made.id, "StackId": stack.id}


def _reviewed(ctx: RequestContext, world: World, given: dict[str, Any]) -> tuple[Ledger, writing.Expects]:
    """The stack that the change set is for, as it is or as it comes into being with it; and what that rests on."""
    stack = stacks_of.find(ctx, world, given["StackName"])
    creates = given.get("ChangeSetType", "UPDATE") == "CREATE"
    if stack is None:
        if not creates:
            raise invalid(f"Stack [{given['StackName']}] does not exist")
        ledger = writing.begun(ctx, writing.new(ctx, given), StackStatus.REVIEW_IN_PROGRESS)
        return ledger, writing.first_of(ledger.stack)
    if not creates:
        writing.check_updatable(stack)
    elif stack.status is not StackStatus.REVIEW_IN_PROGRESS:
        name = given["ChangeSetName"]
        raise invalid(f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{name}].")
    return Ledger(stack, (), ctx.now(), ctx.ids.uuid), {(Stack.table, stack.key): world.version(Stack, stack.key)}


def _claimed(stack: Stack, expect: writing.Expects) -> list[Write]:
    """The claim on the name of a stack that is new."""
    claim = writing.name_claim(stack)
    return [Put(claim)] if (claim.table, claim.key) in expect else []


def _drawn(ctx: RequestContext, stack: Stack, given: dict[str, Any]) -> ChangeSet:
    return ChangeSet(
        account=ctx.account,
        region=ctx.region,
        stack=stack.uid,
        name=given["ChangeSetName"],
        uid=ctx.ids.uuid(),
        type=given.get("ChangeSetType", "UPDATE"),
        created_at=ctx.now(),
        of_phase=stack.phase,
        source=stack.source,
        description=given.get("Description", ""),
        on_failure=given.get("OnStackFailure", ""),
        token=given.get("ClientToken", ""),
    )


def _previewed(world: World, stack: Stack, drawn: ChangeSet, blueprint: Blueprint) -> ChangeSet:
    """With its changes, or with the reason why there is nothing to execute."""
    plan = writing.planned(world, stack, blueprint)
    if not plan.changes and drawn.type == "UPDATE" and writing.same_outputs(world, stack, blueprint):
        return replace(drawn, failure=NO_CHANGES)
    parameters = preview.changed_parameters(stack.source.parameters, drawn.source.parameters)
    changes: tuple[ResourceChange, ...] = preview.resource_changes(
        plan, writing.existing_of(world, stack), blueprint, parameters
    )
    return replace(drawn, changes=changes)


async def execute_change_set(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack, change_set = find(ctx, world, given)
    _check_available(stack, change_set)
    keep_failed = given.get("DisableRollback", False)
    if keep_failed and change_set.type == "UPDATE":
        raise invalid("Parameter 'DisableRollback=True' is not supported by Moorage in ExecuteChangeSet of an update.")
    if keep_failed and change_set.on_failure:
        raise invalid("DisableRollback and OnStackFailure may not be specified together.")
    asked = replace(stack, request_token=given.get("ClientRequestToken", ""))
    try:
        blueprint = blueprint_of(replace(stack, source=change_set.source), world)
        writing.planned(world, stack, blueprint)
    except TemplateError as error:
        raise invalid(error.sentence) from error
    if change_set.type == "CREATE":
        on_failure = "DO_NOTHING" if keep_failed else change_set.on_failure or "ROLLBACK"
        ledger = writing.creation(ctx, replace(asked, on_failure=on_failure), change_set.source, blueprint)
    else:
        ledger = writing.update(ctx, asked, change_set.source, blueprint)
    others = [one for one in world.linked(ChangeSet, "stack", stack.key) if one.key != change_set.key]
    writes: list[Write] = [Put(replace(change_set, executed=True))]
    writes += [Delete(ChangeSet.table, one.key) for one in others]
    expect: writing.Expects = {(Stack.table, stack.key): world.version(Stack, stack.key)}
    expect[_id(change_set)] = world.version(ChangeSet, change_set.key)
    await writing.commit(ctx, world, ledger, writes, expect)
    return {}


def _check_available(stack: Stack, change_set: ChangeSet) -> None:
    execution = change_set.execution(stack)
    if execution == "AVAILABLE":
        return
    sentence = f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
    if not change_set.failure:
        sentence = f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of [{execution}]"
    raise reject("InvalidChangeSetStatus", sentence)


async def delete_change_set(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack, change_set = look_up(ctx, world, given)
    if stack is None or change_set is None:
        return {}
    if change_set.execution(stack) == "EXECUTE_IN_PROGRESS":
        raise reject(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be deleted in its current execution status of [EXECUTE_IN_PROGRESS]",
        )
    rests_on = {_id(change_set): world.version(ChangeSet, change_set.key)}
    await ctx.store.commit([Delete(ChangeSet.table, change_set.key)], rests_on)
    return {}


def find(ctx: RequestContext, world: World, given: dict[str, Any]) -> tuple[Stack, ChangeSet]:
    """The change set that a request names, with its stack; refused where there is none."""
    stack, change_set = look_up(ctx, world, given)
    if stack is None or change_set is None:
        raise reject("ChangeSetNotFound", f"ChangeSet [{given['ChangeSetName']}] does not exist", 404)
    return stack, change_set


def look_up(ctx: RequestContext, world: World, given: dict[str, Any]) -> tuple[Stack | None, ChangeSet | None]:
    """The change set of an ARN, or of a name and a stack."""
    name = given["ChangeSetName"]
    if name.startswith("arn:"):
        found = world.linked(ChangeSet, "id", (name,))
        if not found or (found[0].account, found[0].region) != (ctx.account, ctx.region):
            return None, None
        return world.get(Stack, (ctx.account, ctx.region, found[0].stack)), found[0]
    if "StackName" not in given:
        raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
    stack = stacks_of.find(ctx, world, given["StackName"])
    if stack is None:
        raise invalid(f"Stack [{given['StackName']}] does not exist")
    return stack, world.get(ChangeSet, change_set_key(ctx.account, ctx.region, stack.uid, name))


def _id(change_set: ChangeSet) -> RecordId:
    return (ChangeSet.table, change_set.key)
