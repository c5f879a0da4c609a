"""Finding stacks by what callers call them: the name of one that is not deleted, or the id of any."""

from moorage.api.context import RequestContext
from moorage.domain.stack import Stack, StackResource, StackStatus
from moorage.domain.world import World
from moorage.wire.faults import Rejected, reject


def find(ctx: RequestContext, world: World, name: str) -> Stack | None:
    """The stack of a name or id, or None."""
    if name.startswith("arn:"):
        parts = name.split("/")
        stack = world.get(Stack, (ctx.account, ctx.region, parts[-1])) if len(parts) == 3 else None
        return stack if stack is not None and stack.id == name else None
    return next((stack for stack in named(ctx, world, name) if stack.status is not StackStatus.DELETE_COMPLETE), None)


def named(ctx: RequestContext, world: World, name: str) -> list[Stack]:
    """Every stack that has or had the name, the newest first."""
    found = world.linked(Stack, "name", (ctx.account, ctx.region, name))
    return sorted(found, key=lambda stack: stack.created_at, reverse=True)


def get(ctx: RequestContext, world: World, name: str) -> Stack:
    """The stack of a name or id, or CloudFormation's refusal."""
    stack = find(ctx, world, name)
    if stack is None:
        raise invalid(f"Stack with id {name} does not exist")
    return stack


def resources(world: World, stack: Stack) -> list[StackResource]:
    """The stack's resources that callers see: an updated stack has forgotten those that are gone."""
    found = world.linked(StackResource, "stack", stack.key)
    if not stack.status.startswith("UPDATE"):
        return found
    return [one for one in found if one.current or one.status.moving or one.status.failed or one.doomed]


def invalid(sentence: str) -> Rejected:
    """CloudFormation's word for most that is wrong."""
    return reject("ValidationError", sentence)
