"""The state of asynchronous operations."""

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
    everything = ctx.world().within(Operation, ctx.account, ctx.region)
    chosen = filters.chosen(everything, given.get("Filters", []), filters.OPERATION_FIELDS)
    page = paging.page(chosen, lambda record: record.id, given.get("MaxResults", 100), given.get("NextToken"))
    return {"Operations": [{"Id": record.id, "Status": record.status} for record in page.records], **page.named()}
