"""AWS::ECS::TaskSet and AWS::ECS::PrimaryTaskSet: by the operations on task sets; waits until a set is stable."""

from collections.abc import Mapping
from typing import Any

from moorage.stacks.resources.aws_ecs_cluster import STRATEGY
from moorage.stacks.resources.aws_ecs_service import REGISTRY
from moorage.stacks.resources.script import (
    Answer,
    Failed,
    Made,
    Order,
    ResourceType,
    Script,
    Until,
    ask,
    nothing,
    unless,
)
from moorage.stacks.resources.shapes import NONE, NUMBER, TAGS, TEXT, TEXT_LIST, ListOf, Object, camel
from moorage.stacks.resources.tagging import ecs_tags, retag_ecs

STEADY = "STEADY_STATE"
_GONE = frozenset(
    {
        "ClusterNotFoundException",
        "ServiceNotActiveException",
        "ServiceNotFoundException",
        "TaskSetNotFoundException",
    }
)
_AWSVPC = Object({"AssignPublicIp": TEXT, "SecurityGroups": TEXT_LIST, "Subnets": TEXT_LIST}, ("Subnets",))
_SCALE = Object({"Unit": TEXT, "Value": NUMBER})
PROPERTIES = Object(
    {
        "CapacityProviderStrategy": STRATEGY,
        "Cluster": TEXT,
        "ExternalId": TEXT,
        "LaunchType": TEXT,
        "LoadBalancers": NONE,
        "NetworkConfiguration": Object({"AwsVpcConfiguration": _AWSVPC}),
        "PlatformVersion": TEXT,
        "Scale": _SCALE,
        "Service": TEXT,
        "ServiceRegistries": ListOf(REGISTRY),
        "Tags": TAGS,
        "TaskDefinition": TEXT,
    },
    ("Cluster", "Service", "TaskDefinition"),
)


def _members(properties: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = camel(PROPERTIES, properties)
    members.pop("tags", None)
    if "awsVpcConfiguration" in members.get("networkConfiguration", {}):
        members["networkConfiguration"] = {
            "awsvpcConfiguration": members["networkConfiguration"]["awsVpcConfiguration"]
        }
    return members


def _create(order: Order) -> Script:
    tags = ecs_tags(order.tags())
    answer = yield ask("ecs", "CreateTaskSet", **_members(order.properties), clientToken=order.token, tags=tags)
    task_set = answer["taskSet"]
    place = (order.properties["Cluster"], order.properties["Service"], task_set["id"])
    yield Made("|".join(place), {"Id": task_set["id"]})
    yield _stable(order, task_set["id"])


def _stable(order: Order, task_set_id: str) -> Until:
    described = ask("ecs", "DescribeTaskSets", **_where(order), taskSets=[task_set_id])
    return Until(described, _is_stable)


def _is_stable(answer: Answer) -> bool:
    if not answer["taskSets"]:
        raise Failed("The task set was deleted while it was waited for.", "NotStabilized")
    return bool(answer["taskSets"][0]["stabilityStatus"] == STEADY)


def _where(order: Order) -> dict[str, Any]:
    return {"cluster": order.properties["Cluster"], "service": order.properties["Service"]}


def _update(order: Order) -> Script:
    task_set_id = order.attributes["Id"]
    scale = camel(_SCALE, order.properties.get("Scale", {"Value": 0.0}))
    answer = yield ask("ecs", "UpdateTaskSet", **_where(order), taskSet=task_set_id, scale=scale)
    yield from retag_ecs(order, answer["taskSet"]["taskSetArn"])
    yield _stable(order, task_set_id)


def _delete(order: Order) -> Script:
    task_set_id = order.physical_id.rpartition("|")[2]
    request = ask("ecs", "DeleteTaskSet", **_where(order), taskSet=task_set_id, force=True)
    if (yield from unless(_GONE, request)) is None:
        return
    described = ask("ecs", "DescribeTaskSets", **_where(order), taskSets=[task_set_id])
    yield from unless(_GONE, Until(described, lambda answer: not answer["taskSets"]))


def _make_primary(order: Order) -> Script:
    task_set = order.properties["TaskSetId"]
    yield ask("ecs", "UpdateServicePrimaryTaskSet", **_where(order), primaryTaskSet=task_set)
    yield Made("|".join((order.properties["Cluster"], order.properties["Service"])))


RESOURCE = ResourceType(
    type="AWS::ECS::TaskSet",
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset(PROPERTIES.members) - {"Scale", "Tags"},
    attributes=frozenset({"Id"}),
)

PRIMARY = ResourceType(
    type="AWS::ECS::PrimaryTaskSet",
    properties=Object(dict.fromkeys(("Cluster", "Service", "TaskSetId"), TEXT), ("Cluster", "Service", "TaskSetId")),
    create=_make_primary,
    delete=nothing,
    update=_make_primary,
    replace_on=frozenset({"Cluster", "Service"}),
)
"""Nothing is to be deleted: no operation takes PRIMARY away, and the task set goes by force."""
