"""AWS::ECS::Cluster by CreateCluster, UpdateCluster, PutClusterCapacityProviders and DeleteCluster."""

from collections.abc import Generator

from moorage.stacks.resources.script import (
    Answer,
    Failed,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    Until,
    already_exists,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import PAIRS, TAGS, TEXT, TEXT_LIST, TRUTH, WHOLE, ListOf, Object, camel
from moorage.stacks.resources.tagging import ecs_tags, retag_ecs

TYPE = "AWS::ECS::Cluster"
STRATEGY = ListOf(Object({"CapacityProvider": TEXT, "Base": WHOLE, "Weight": WHOLE}))
_LOGGING = Object(
    {
        "CloudWatchEncryptionEnabled": TRUTH,
        "CloudWatchLogGroupName": TEXT,
        "S3BucketName": TEXT,
        "S3EncryptionEnabled": TRUTH,
        "S3KeyPrefix": TEXT,
    }
)
PROPERTIES = Object(
    {
        "CapacityProviders": TEXT_LIST,
        "ClusterName": TEXT,
        "ClusterSettings": PAIRS,
        "Configuration": Object(
            {
                "ExecuteCommandConfiguration": Object(
                    {"KmsKeyId": TEXT, "LogConfiguration": _LOGGING, "Logging": TEXT}
                ),
                "ManagedStorageConfiguration": Object({"FargateEphemeralStorageKmsKeyId": TEXT, "KmsKeyId": TEXT}),
            }
        ),
        "DefaultCapacityProviderStrategy": STRATEGY,
        "ServiceConnectDefaults": Object({"Namespace": TEXT}, ("Namespace",)),
        "Tags": TAGS,
    }
)


def _create(order: Order) -> Script:
    name = order.properties.get("ClusterName") or order.generated_name(255)
    if not order.resumed and (yield from _active(name)):
        raise already_exists(TYPE, name)  # CreateCluster would hand out the cluster that is there
    members = camel(PROPERTIES, order.properties)
    answer = yield ask(
        "ecs",
        "CreateCluster",
        clusterName=name,
        settings=members.get("clusterSettings"),
        configuration=members.get("configuration"),
        capacityProviders=members.get("capacityProviders"),
        defaultCapacityProviderStrategy=members.get("defaultCapacityProviderStrategy"),
        serviceConnectDefaults=members.get("serviceConnectDefaults"),
        tags=ecs_tags(order.tags()),
    )
    yield Made(name, {"Arn": answer["cluster"]["clusterArn"]})
    yield Until(ask("ecs", "DescribeClusters", clusters=[name]), _settled)


def _active(name: str) -> Generator[Step, Answer, bool]:
    answer = yield ask("ecs", "DescribeClusters", clusters=[name])
    return any(cluster["status"] == "ACTIVE" for cluster in answer["clusters"])


def _settled(answer: Answer) -> bool:
    status = answer["clusters"][0]["status"] if answer["clusters"] else "INACTIVE"
    if status in {"FAILED", "INACTIVE"}:
        raise Failed(f"The cluster is {status}.", "NotStabilized")
    return bool(status == "ACTIVE")


def _update(order: Order) -> Script:
    name = order.physical_id
    members = camel(PROPERTIES, order.properties)
    if order.changed("ClusterSettings", "Configuration", "ServiceConnectDefaults"):
        yield ask(
            "ecs",
            "UpdateCluster",
            cluster=name,
            settings=members.get("clusterSettings"),
            configuration=members.get("configuration"),
            # An empty name takes the default away (reference section 1.2).
            serviceConnectDefaults=members.get("serviceConnectDefaults", {"namespace": ""}),
        )
    if order.changed("CapacityProviders", "DefaultCapacityProviderStrategy"):
        yield ask(
            "ecs",
            "PutClusterCapacityProviders",
            cluster=name,
            capacityProviders=members.get("capacityProviders", []),
            defaultCapacityProviderStrategy=members.get("defaultCapacityProviderStrategy", []),
        )
    yield from retag_ecs(order, order.attributes["Arn"])
    yield Until(ask("ecs", "DescribeClusters", clusters=[name]), _settled)


def _delete(order: Order) -> Script:
    request = ask("ecs", "DeleteCluster", cluster=order.physical_id)
    busy = frozenset({"ClusterContainsServicesException", "ClusterContainsTasksException", "UpdateInProgressException"})
    yield from unless({"ClusterNotFoundException"}, Until(request, lambda _: True, busy, 120))


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"ClusterName"}),
    attributes=frozenset({"Arn"}),
    name="ClusterName",
)
