"""The state of asynchronous operations."""

from collections.abc import Iterator
from typing import Any

from moorage.api import paging
from moorage.api.cloudmap import filters, present
from moorage.api.context import RequestContext
from moorage.domain import registry_errors
from moorage.domain.registry import Operation


async def get_operation(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = ctx.world().get(Operation, (ctx.account, ctx.region, given["OperationId"]))
    if found is None:
        raise registry_errors.OperationUnknown(given["OperationId"])
    return {"Operation": present.operation(found)}


async def list_operations(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    world, place = ctx.world(), (ctx.account, ctx.region)

    def found(after: str | None) -> Iterator[Operation]:
        everything = world.each_linked(Operation, ("scope", place), None if after is None else (*place, after))
        return filters.chosen(everything, given.get("Filters", []), filters.OPERATION_FIELDS)

    page = paging.walk(found, lambda record: record.id, given.get("MaxResults", 100), given.get("NextToken"))
    return {"Operations": [{"Id": record.id, "Status": record.status} for record in page.records], **page.named()}
