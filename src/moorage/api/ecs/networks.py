"""Asks EC2 whether the subnets and security groups of a request exist, and in which zones the subnets lie.

The sentences are those of ECS, around EC2's own. Which of the subnets a task gets is decided in `planning.placement`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from moorage.api.context import RequestContext
from moorage.domain.errors import InvalidParameter
from moorage.domain.network import Subnet
from moorage.engine.ports import OperationFailed
from moorage.wire.faults import reject


async def subnets(ctx: RequestContext, network: Mapping[str, Any] | None) -> tuple[Subnet, ...]:
    """The subnets of a network configuration with their zones; none without one. InvalidParameter, Rejected."""
    configuration = (network or {}).get("awsvpcConfiguration")
    if configuration is None:
        return ()
    wanted, groups = configuration["subnets"], configuration.get("securityGroups", [])
    found, guards = await asyncio.gather(
        _describe(ctx, "subnet", "Subnet", wanted), _describe(ctx, "security group", "SecurityGroup", groups)
    )
    networks = {each["VpcId"] for each in found}
    if len(networks) > 1:
        raise InvalidParameter("Subnets must all be in the same VPC.")
    for guard in guards:
        if guard["VpcId"] not in networks:
            raise InvalidParameter(
                f"Security Group {guard['GroupId']} does not appear to belong to the same VPC as the input subnets."
            )
    by_id = {each["SubnetId"]: Subnet(each["SubnetId"], each["AvailabilityZone"], each["VpcId"]) for each in found}
    return tuple(by_id[each] for each in wanted if each in by_id)


async def _describe(ctx: RequestContext, what: str, kind: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What EC2 knows of them; it refuses all when it does not know one."""
    if not ids:
        return []
    identifier = "SubnetIds" if kind == "Subnet" else "GroupIds"
    try:
        found = await ctx.operations.call(
            ctx.account, ctx.region, "ec2", f"Describe{kind}s", {identifier: list(dict.fromkeys(ids))}
        )
    except OperationFailed as error:
        if error.status >= 500:
            raise reject("ServerException", f"EC2 could not be asked for the {what}s: {error.message}", 500) from error
        raise InvalidParameter(
            f"Error retrieving {what} information for [{', '.join(ids)}]: {error.message} (ErrorCode: {error.code})"
        ) from error
    described: list[dict[str, Any]] = found[f"{kind}s"]
    return described
