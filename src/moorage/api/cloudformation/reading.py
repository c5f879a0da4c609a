"""What callers ask about stacks: descriptions, events, resources, exports, templates, change sets."""

from collections.abc import Sequence
from typing import Any

from moorage.api import paging
from moorage.api.cloudformation import change_sets, present, request, stacks_of
from moorage.api.cloudformation.stacks_of import invalid
from moorage.api.context import RequestContext
from moorage.domain.change_set import ChangeSet
from moorage.domain.stack import Stack, StackEvent, StackResource, StackStatus
from moorage.engine.stacks import exports_of, importers
from moorage.stacks import blueprint as blueprints
from moorage.stacks import check
from moorage.stacks.nodes import TemplateError
from moorage.stacks.template import FORMAT_VERSION, Template

_PAGE = 100


async def describe_stacks(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    if "StackName" in given:
        return {"Stacks": [present.stack(stacks_of.get(ctx, world, given["StackName"]))]}
    alive = [
        one for one in world.within(Stack, ctx.account, ctx.region) if one.status is not StackStatus.DELETE_COMPLETE
    ]
    page = paging.page(_newest_first(alive), _stack_rank, _PAGE, given.get("NextToken"))
    return {"Stacks": [present.stack(one) for one in page.records], **page.named()}


def _newest_first(stacks: Sequence[Stack]) -> list[Stack]:
    return sorted(stacks, key=_stack_rank)


def _stack_rank(stack: Stack) -> str:
    """Orders stacks from the newest to the oldest."""
    return f"{10**12 - int(stack.created_at.timestamp() * 100):013}{stack.uid}"


async def list_stacks(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    wanted = frozenset(given.get("StackStatusFilter", []))
    stacks = ctx.world().within(Stack, ctx.account, ctx.region)
    chosen = [stack for stack in stacks if not wanted or stack.status in wanted]
    page = paging.page(_newest_first(chosen), _stack_rank, _PAGE, given.get("NextToken"))
    return {"StackSummaries": [present.summary(one) for one in page.records], **page.named()}


async def describe_stack_events(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    events = world.linked(StackEvent, "stack", stack.key)[::-1]
    page = paging.page(events, lambda event: f"{10**8 - event.number:09}", _PAGE, given.get("NextToken"))
    return {"StackEvents": [present.event(stack, one) for one in page.records], **page.named()}


async def describe_stack_resources(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    if "StackName" in given:
        stack = stacks_of.get(ctx, world, given["StackName"])
    else:
        stack = _holder(ctx, given.get("PhysicalResourceId", ""))
    found = stacks_of.resources(world, stack)
    logical_id = given.get("LogicalResourceId")
    if logical_id is not None:
        found = [one for one in found if one.logical_id == logical_id]
    return {"StackResources": [present.resource(stack, one) for one in found]}


def _holder(ctx: RequestContext, physical_id: str) -> Stack:
    """The stack that a physical resource belongs to."""
    world = ctx.world()
    for resource in world.within(StackResource, ctx.account, ctx.region):
        if physical_id and resource.physical_id == physical_id:
            stack = world.get(Stack, (ctx.account, ctx.region, resource.stack))
            if stack is not None:
                return stack
    raise invalid(f"Stack for {physical_id or 'the resource'} does not exist")


async def describe_stack_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    logical_id = given["LogicalResourceId"]
    for one in stacks_of.resources(world, stack):
        if one.logical_id == logical_id:
            return {"StackResourceDetail": present.resource_detail(stack, one)}
    raise invalid(f"Resource {logical_id} does not exist for stack {stack.name}")


async def list_stack_resources(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    found = stacks_of.resources(world, stacks_of.get(ctx, world, given["StackName"]))
    page = paging.page(found, lambda one: one.logical_id, _PAGE, given.get("NextToken"))
    return {"StackResourceSummaries": [present.resource_summary(one) for one in page.records], **page.named()}


async def list_exports(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    claims = sorted(exports_of(ctx.world(), ctx.account, ctx.region).items())
    page = paging.page(claims, lambda item: item[0], _PAGE, given.get("NextToken"))
    exports = [{"ExportingStackId": claim.owner, "Name": name, "Value": claim.detail} for name, claim in page.records]
    return {"Exports": exports, **page.named()}


async def list_imports(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    name = given["ExportName"]
    found = importers(ctx.world(), ctx.account, ctx.region, name)
    if not found:
        raise invalid(f"Export '{name}' is not imported by any stack.")
    page = paging.page(found, str, _PAGE, given.get("NextToken"))
    return {"Imports": list(page.records), **page.named()}


async def get_template(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    if "ChangeSetName" in given:
        source = change_sets.find(ctx, world, given)[1].source
    elif "StackName" in given:
        source = stacks_of.get(ctx, world, given["StackName"]).source
    else:
        raise invalid("StackName must be specified.")
    return {"TemplateBody": source.template, "StagesAvailable": ["Original", "Processed"]}


async def describe_change_set(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    stack, found = change_sets.find(ctx, ctx.world(), given)
    page = paging.page(found.changes, lambda change: change.logical_id, _PAGE, given.get("NextToken"))
    values = given.get("IncludePropertyValues", False)
    changes = [present.resource_change(one, values) for one in page.records]
    return {**present.change_set(stack, found), "Changes": changes, **page.named()}


async def list_change_sets(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world = ctx.world()
    stack = stacks_of.get(ctx, world, given["StackName"])
    found = sorted(world.linked(ChangeSet, "stack", stack.key), key=lambda one: one.name)
    page = paging.page(found, lambda one: one.name, _PAGE, given.get("NextToken"))
    summaries = [present.change_set_summary(stack, one) for one in page.records]
    return {"Summaries": summaries, **page.named()}


async def validate_template(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return _outline(_checked(await request.body_of(ctx, given)))


def _checked(body: str) -> Template:
    try:
        return blueprints.parse(body)
    except TemplateError as error:
        raise invalid(error.sentence) from error


def _outline(template: Template) -> dict[str, Any]:
    """What a caller has to know before it uses the template."""
    answer: dict[str, Any] = {
        "Parameters": [present.declaration(parameter) for parameter in template.parameters.values()],
        "Description": template.description,
    }
    for capability, types in check.capabilities(template).items():
        answer["Capabilities"] = [capability]
        answer["CapabilitiesReason"] = f"The following resource(s) require capabilities: [{', '.join(types)}]"
    return answer


async def get_template_summary(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    if "StackName" in given:
        body = stacks_of.get(ctx, ctx.world(), given["StackName"]).source.template
    else:
        body = await request.body_of(ctx, given)
    template = _checked(body)
    return {
        **_outline(template),
        "ResourceTypes": sorted({one.type for one in template.resources.values()}),
        "Version": FORMAT_VERSION,
        "DeclaredTransforms": [],
    }
