"""DescribeNetworkInterfaces: those of tasks, and beside them those that the support process keeps.

EC2 shows a task's interface as ECS's own: described by the ARN of its attachment, and managed by its requester. None
has a public address (`Association`), whatever `assignPublicIp` says: no task has one here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from moorage.api import paging
from moorage.api.context import RequestContext
from moorage.api.ec2 import filtering
from moorage.api.ecs import network_interface
from moorage.domain.arns import Arn
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.ports import OperationFailed
from moorage.wire.faults import Fault, Rejected

_PAGE = 1000
_BY_ID = "network-interface-id"

Interface = dict[str, Any]


async def describe_network_interfaces(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    filters = filtering.read(given.get("Filters", ()))
    ours = {each["NetworkInterfaceId"]: each for each in _of_tasks(ctx.world(), ctx.account, ctx.region)}
    asked = given.get("NetworkInterfaceIds") or None
    named = asked or filters.get(_BY_ID)
    if named is not None and set(named) <= set(ours):
        found = [ours[each] for each in dict.fromkeys(named)]
    elif asked is not None:
        elsewhere = [each for each in asked if each not in ours]
        kept = [ours[each] for each in dict.fromkeys(asked) if each in ours]
        found = [*kept, *await _kept_elsewhere(ctx, NetworkInterfaceIds=elsewhere)]
    else:
        found = [*ours.values(), *await _kept_elsewhere(ctx)]
    chosen = [each for each in found if filtering.matches(each, filters)]
    chosen.sort(key=_identity)
    page = paging.page(chosen, _identity, given.get("MaxResults", _PAGE), given.get("NextToken"))
    return {"NetworkInterfaces": list(page.records), **page.named()}


def _identity(interface: Interface) -> str:
    return str(interface["NetworkInterfaceId"])


async def _kept_elsewhere(ctx: RequestContext, **given: Any) -> list[Interface]:
    try:
        answer = await ctx.ask_support("ec2", "DescribeNetworkInterfaces", given)
    except OperationFailed as failed:
        raise Rejected(Fault(failed.code, failed.message, failed.status)) from failed
    return list(answer.get("NetworkInterfaces", ()))


def _of_tasks(world: World, account: str, region: str) -> Iterable[Interface]:
    for task in world.within(Task, account, region):
        state = world.get(TaskState, task.key)
        if task.network is not None and state is not None and state.address and state.status is not Status.STOPPED:
            yield _interface(_Seen(task, state, state.address))


@dataclass(frozen=True)
class _Seen:
    """A task whose network is there, with its address."""

    task: Task
    state: TaskState
    address: str


def _interface(seen: _Seen) -> Interface:
    task = seen.task
    configuration = (task.network or {}).get("awsvpcConfiguration", {})
    attachment = f"attachment/{network_interface.attachment_id(task)}"
    return {
        "NetworkInterfaceId": network_interface.interface_id(task),
        "InterfaceType": "interface",
        "Status": "in-use",
        "Description": str(Arn("ecs", task.region, task.account, attachment)),
        "OwnerId": task.account,
        "RequesterId": "amazon-ecs",
        "RequesterManaged": True,
        "SourceDestCheck": True,
        "AvailabilityZone": task.availability_zone,
        "SubnetId": task.subnet,
        "VpcId": task.vpc,
        "MacAddress": network_interface.mac_address(seen.address),
        "PrivateIpAddress": seen.address,
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": seen.address}],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": group} for group in configuration.get("securityGroups", [])],
        "TagSet": [{"Key": key, "Value": task.tags[key]} for key in sorted(task.tags)],
        "Attachment": {
            "AttachmentId": network_interface.ec2_attachment_id(task),
            "AttachTime": seen.state.pull_started_at or task.created_at,
            "DeleteOnTermination": False,
            "DeviceIndex": 1,
            "InstanceOwnerId": task.account,
            "Status": "attached",
        },
    }
