"""AWS::ECS::Service by CreateService, UpdateService and DeleteService; waits until its deployment has completed."""

from collections.abc import Callable, Mapping
from typing import Any

from moorage.stacks.resources.aws_ecs_cluster import STRATEGY
from moorage.stacks.resources.aws_ecs_task_definition import LOG_CONFIGURATION
from moorage.stacks.resources.script import (
    Answer,
    Declined,
    Failed,
    Made,
    Order,
    ResourceType,
    Script,
    Until,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import (
    NONE,
    TAGS,
    TEXT,
    TEXT_LIST,
    TRUTH,
    WHOLE,
    Exactly,
    ListOf,
    Object,
    camel,
)
from moorage.stacks.resources.tagging import ecs_tags, retag_ecs

TYPE = "AWS::ECS::Service"
_CONNECT_SERVICE = Object(
    {
        "ClientAliases": ListOf(Object({"DnsName": TEXT, "Port": WHOLE}, ("Port",))),
        "DiscoveryName": TEXT,
        "IngressPortOverride": WHOLE,
        "PortName": TEXT,
        "Timeout": Object({"IdleTimeoutSeconds": WHOLE, "PerRequestTimeoutSeconds": WHOLE}),
    },
    ("PortName",),
)
_CONNECT = Object(
    {
        "AccessLogConfiguration": Object({"Format": TEXT, "IncludeQueryParameters": TEXT}, ("Format",)),
        "Enabled": TRUTH,
        "LogConfiguration": LOG_CONFIGURATION,
        "Namespace": TEXT,
        "Services": ListOf(_CONNECT_SERVICE),
    },
    ("Enabled",),
)
_BREAKER = Object(
    {
        "Enable": TRUTH,
        "ResetOnHealthyTask": TRUTH,
        "Rollback": TRUTH,
        "ThresholdConfiguration": Object({"Type": TEXT, "Value": WHOLE}, ("Type", "Value")),
    },
    ("Enable", "Rollback"),
)
_DEPLOYMENT = Object(
    {
        "Alarms": Object(
            {"AlarmNames": TEXT_LIST, "Enable": TRUTH, "Rollback": TRUTH}, ("AlarmNames", "Enable", "Rollback")
        ),
        "BakeTimeInMinutes": WHOLE,
        "DeploymentCircuitBreaker": _BREAKER,
        "EarlySuccessCriteria": Object(
            {"Enable": TRUTH, "HealthyPercent": WHOLE, "SourceServiceRevisionCleanup": TEXT}, ("Enable",)
        ),
        "LifecycleHooks": NONE,
        "MaximumPercent": WHOLE,
        "MinimumHealthyPercent": WHOLE,
        "Strategy": Exactly(TEXT, ("ROLLING",)),
    }
)
_AWSVPC = Object({"AssignPublicIp": TEXT, "SecurityGroups": TEXT_LIST, "Subnets": TEXT_LIST})
REGISTRY = Object(
    {"ContainerName": TEXT, "ContainerPort": WHOLE, "Port": WHOLE, "RegistryArn": TEXT},
)
_CONSTRAINT = Object({"Expression": TEXT, "Type": TEXT}, ("Type",))
PROPERTIES = Object(
    {
        "AvailabilityZoneRebalancing": TEXT,
        "CapacityProviderStrategy": STRATEGY,
        "Cluster": TEXT,
        "DeploymentConfiguration": _DEPLOYMENT,
        "DeploymentController": Object({"Type": Exactly(TEXT, ("ECS", "EXTERNAL"))}),
        "DesiredCount": WHOLE,
        "EnableECSManagedTags": TRUTH,
        "EnableExecuteCommand": TRUTH,
        "HealthCheckGracePeriodSeconds": WHOLE,
        "LaunchType": TEXT,
        "LoadBalancers": Exactly(NONE.shape, NONE.values, "there are no load balancers here yet"),
        "NetworkConfiguration": Object({"AwsvpcConfiguration": _AWSVPC}),
        "PlacementConstraints": ListOf(_CONSTRAINT),
        "PlacementStrategies": ListOf(Object({"Field": TEXT, "Type": TEXT})),
        "PlatformVersion": TEXT,
        "PropagateTags": TEXT,
        "SchedulingStrategy": TEXT,
        "ServiceConnectConfiguration": _CONNECT,
        "ServiceName": TEXT,
        "ServiceRegistries": ListOf(REGISTRY),
        "Tags": TAGS,
        "TaskDefinition": TEXT,
        "VolumeConfigurations": NONE,
        "VpcLatticeConfigurations": NONE,
    }
)
"""What CreateService supports here; a test holds the two together."""
_EXTERNAL = "EXTERNAL"
_ONLY_AT_CREATION = ("launchType", "schedulingStrategy", "deploymentController", "serviceName", "tags")
# What UpdateService must be told when a property was taken out of the template; what is not named keeps its value.
_WITHOUT: Mapping[str, Any] = {
    "serviceConnectConfiguration": {"enabled": False},
    "loadBalancers": [],
    "serviceRegistries": [],
    "capacityProviderStrategy": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "enableExecuteCommand": False,
    "enableECSManagedTags": False,
    "propagateTags": "NONE",
    "healthCheckGracePeriodSeconds": 0,
    "platformVersion": "LATEST",
    "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
}


def _members(properties: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = camel(PROPERTIES, properties)
    members.pop("tags", None)
    if "placementStrategies" in members:
        members["placementStrategy"] = members.pop("placementStrategies")
    return members


def _create(order: Order) -> Script:
    members = _members(order.properties)
    members.setdefault("serviceName", order.generated_name(255))
    members.setdefault("cluster", "default")
    if members.get("schedulingStrategy") != "DAEMON":
        members.setdefault("desiredCount", 1)
    service = None
    if order.resumed:
        described = yield ask("ecs", "DescribeServices", cluster=members["cluster"], services=[members["serviceName"]])
        service = next((found for found in described["services"] if found["status"] == "ACTIVE"), None)
    if service is None:
        tags = ecs_tags(order.tags())
        answer = yield ask("ecs", "CreateService", **members, clientToken=order.token, tags=tags)
        service = answer["service"]
    yield Made(service["serviceArn"], {"Name": service["serviceName"], "ServiceArn": service["serviceArn"]})
    if members.get("deploymentController", {}).get("type") == _EXTERNAL:
        return  # its tasks come with task sets: there is nothing to wait for
    yield _stable(members["cluster"], service["serviceArn"], _primary(service))


def _primary(service: Mapping[str, Any]) -> str:
    return next((str(one["id"]) for one in service["deployments"] if one["status"] == "PRIMARY"), "")


def _stable(cluster: str, arn: str, deployment: str) -> Until:
    return Until(ask("ecs", "DescribeServices", cluster=cluster, services=[arn]), _completed(deployment))


def _completed(deployment: str) -> Callable[[Answer], bool]:
    """The deployment that we started is the primary one, has completed, and runs all its tasks."""

    def settled(answer: Answer) -> bool:
        if not answer["services"] or answer["services"][0]["status"] != "ACTIVE":
            raise Failed("The service was deleted while it was waited for.", "NotStabilized")
        service = answer["services"][0]
        ours = next((one for one in service["deployments"] if one["id"] == deployment), None)
        if ours is None or ours["status"] != "PRIMARY":
            reason = _why(ours, "the deployment was replaced by another one before it completed")
            raise Failed(f"Error occurred during operation '{reason}'.")
        state = ours.get("rolloutState")
        if state == "FAILED":
            raise Failed(f"Error occurred during operation '{_why(ours, 'the deployment failed')}'.")
        return bool(state == "COMPLETED" and service["runningCount"] == service["desiredCount"])

    return settled


def _why(deployment: Mapping[str, Any] | None, otherwise: str) -> str:
    failed = deployment is not None and deployment.get("rolloutState") == "FAILED"
    return str((deployment or {}).get("rolloutStateReason") or otherwise) if failed else otherwise


def _update(order: Order) -> Script:
    members, old = _members(order.properties), _members(order.old)
    changed = {name: members[name] for name in members if members[name] != old.get(name)}
    for name in sorted(set(old) - set(members)):
        if name not in _WITHOUT and name not in {"desiredCount", "availabilityZoneRebalancing", "networkConfiguration"}:
            raise Failed(f"{name} cannot be taken away from a service.", "InvalidRequest")
        if name in _WITHOUT:
            changed[name] = _WITHOUT[name]
    changed = {name: value for name, value in changed.items() if name not in _ONLY_AT_CREATION}
    cluster = members.get("cluster", "default")
    if changed:
        answer = yield ask("ecs", "UpdateService", **{**changed, "cluster": cluster, "service": order.physical_id})
        yield from retag_ecs(order, order.physical_id)
        if members.get("deploymentController", {}).get("type") == _EXTERNAL:
            return
        yield _stable(cluster, order.physical_id, _primary(answer["service"]))
    else:
        yield from retag_ecs(order, order.physical_id)


def _delete(order: Order) -> Script:
    cluster = order.properties.get("Cluster", "default")
    gone = {"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"}
    request = ask("ecs", "DeleteService", cluster=cluster, service=order.physical_id, force=True)
    if (yield from unless(gone, request)) is None:
        return
    described = ask("ecs", "DescribeServices", cluster=cluster, services=[order.physical_id])
    try:
        yield Until(described, lambda answer: all(found["status"] == "INACTIVE" for found in answer["services"]))
    except Declined as declined:
        if declined.code not in gone:
            raise


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"Cluster", "DeploymentController", "LaunchType", "SchedulingStrategy", "ServiceName"}),
    attributes=frozenset({"Name", "ServiceArn"}),
    name="ServiceName",
)
