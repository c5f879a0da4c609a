"""Task definitions: register, describe, list, deregister, delete. Their rules are in `domain/task_definition_rules`.

Revision numbers are given out by the family and never used twice, not even after deletion.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import paging, present_task_definition, references, tagging
from moorage.api.ecs.draft import Draft
from moorage.api.ecs.output import missing
from moorage.domain import arns, placement_rules, task_definition_rules
from moorage.domain.changes import Key
from moorage.domain.errors import ClientMistake, DescribedTaskDefinitionNotFound, InvalidParameter
from moorage.domain.service import Deployment
from moorage.domain.task import Task
from moorage.domain.task_definition import ACTIVE, DELETE_IN_PROGRESS, INACTIVE, Family, TaskDefinition

MAX_DELETED = 10


async def register_task_definition(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    document = {name: value for name, value in arguments.items() if name != "tags"}
    document = task_definition_rules.completed(document)
    task_definition_rules.check(document)
    placement_rules.check_definition(document)
    draft = Draft(ctx.world())
    family = document["family"]
    last = draft.world.get(Family, (ctx.account, ctx.region, family))
    number = (last.last_revision if last is not None else 0) + 1
    definition = TaskDefinition(
        account=ctx.account,
        region=ctx.region,
        family=family,
        revision=number,
        status=ACTIVE,
        registered_at=ctx.now(),
        registered_by=arns.root_user(ctx.account),
        document=document,
        tags=tagging.read(arguments.get("tags", [])),
    )
    draft.put(Family(ctx.account, ctx.region, family, number))
    draft.put(definition)
    await draft.commit(ctx.store)
    return present_task_definition.with_tags(definition)


async def describe_task_definition(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    found = references.described_definition(ctx, ctx.world(), arguments["taskDefinition"])
    answer: dict[str, Any] = {"taskDefinition": present_task_definition.task_definition(found)}
    if "TAGS" in arguments.get("include", []):
        answer["tags"] = tagging.present(found.tags)
    return answer


async def list_task_definitions(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """`familyPrefix` is the full name of a family here; ListTaskDefinitionFamilies takes prefixes."""
    world = ctx.world()
    family, status = arguments.get("familyPrefix"), arguments.get("status", ACTIVE)
    place, descending = (ctx.account, ctx.region), arguments.get("sort") == "DESC"
    look_up = ("status", (*place, status)) if family is None else ("family-status", (*place, family, status))

    def found(after: Key | None) -> Iterator[TaskDefinition]:
        return world.each_linked(TaskDefinition, look_up, after, descending)

    page, more = paging.walk(ctx, arguments, found)
    return {"taskDefinitionArns": page, **more}


async def list_task_definition_families(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """A family is ACTIVE while one of its revisions is; one whose revisions are all deleted is not listed."""
    world = ctx.world()
    prefix, wanted = arguments.get("familyPrefix", ""), arguments.get("status", "ALL")
    items: dict[str, str] = {}
    for family in world.within(Family, ctx.account, ctx.region):
        is_active = world.count_linked(TaskDefinition, "family-status", (*family.key, ACTIVE))
        status = ACTIVE if is_active else INACTIVE
        has_revisions = is_active or world.count_linked(TaskDefinition, "family", family.key)
        if has_revisions and family.name.startswith(prefix) and wanted in ("ALL", status):
            items[family.name] = family.name
    found, more = paging.page(ctx, arguments, items)
    return {"families": found, **more}


async def deregister_task_definition(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    draft = Draft(ctx.world())
    found = references.definition_revision(ctx, draft.world, arguments["taskDefinition"])
    if found is None:
        raise DescribedTaskDefinitionNotFound(arguments["taskDefinition"])
    if found.status == DELETE_IN_PROGRESS:
        raise ClientMistake("The specified task definition is in the process of being deleted.")
    if found.status == ACTIVE:
        found = replace(found, status=INACTIVE, deregistered_at=ctx.now())
        draft.put(found)
        await draft.commit(ctx.store)
    return {"taskDefinition": present_task_definition.task_definition(found)}


async def delete_task_definitions(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is in use stays DELETE_IN_PROGRESS until a later deletion finds it unused; what is not goes at once."""
    wanted = arguments["taskDefinitions"]
    if not 1 <= len(wanted) <= MAX_DELETED:
        raise InvalidParameter(f"DeleteTaskDefinitions takes 1 to {MAX_DELETED} task definitions.")
    draft = Draft(ctx.world())
    deleted, failures = [], []
    for reference in wanted:
        found = references.definition_revision(ctx, draft.world, reference)
        if found is None:
            failures.append(missing(_arn(ctx, reference)))
        elif found.status == ACTIVE:
            reason = "The specified task definition is still in ACTIVE status. Deregister it and try again."
            failures.append({"arn": found.arn, "reason": reason})
        else:
            deleted.append(replace(found, status=DELETE_IN_PROGRESS))
    _write_deletions(ctx, draft, deleted)
    await draft.commit(ctx.store)
    shown = [present_task_definition.task_definition(each) for each in deleted]
    return {"taskDefinitions": shown, "failures": failures}


def _write_deletions(ctx: RequestContext, draft: Draft, deleted: Iterable[TaskDefinition]) -> None:
    world = draft.world
    waiting = world.linked(TaskDefinition, "status", (ctx.account, ctx.region, DELETE_IN_PROGRESS))
    for definition in {each.key: each for each in (*waiting, *deleted)}.values():
        if any(world.count_linked(kind, "task_definition", definition.key) for kind in (Task, Deployment)):
            draft.put(definition)
        else:
            draft.delete(definition)


def _arn(ctx: RequestContext, reference: str) -> str:
    if arns.parse(reference) is not None:
        return reference
    return str(arns.Arn("ecs", ctx.region, ctx.account, f"task-definition/{reference}"))
