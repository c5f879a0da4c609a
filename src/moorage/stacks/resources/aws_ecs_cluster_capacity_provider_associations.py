"""AWS::ECS::ClusterCapacityProviderAssociations by PutClusterCapacityProviders."""

from moorage.stacks.resources.aws_ecs_cluster import STRATEGY
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.shapes import TEXT, TEXT_LIST, Object, camel

PROPERTIES = Object(
    {"CapacityProviders": TEXT_LIST, "Cluster": TEXT, "DefaultCapacityProviderStrategy": STRATEGY},
    ("Cluster", "DefaultCapacityProviderStrategy"),
)


def _put(order: Order) -> Script:
    members = camel(PROPERTIES, order.properties)
    members.setdefault("capacityProviders", [])
    yield ask("ecs", "PutClusterCapacityProviders", **members)
    yield Made(members["cluster"])


def _delete(order: Order) -> Script:
    request = ask(
        "ecs",
        "PutClusterCapacityProviders",
        cluster=order.physical_id,
        capacityProviders=[],
        defaultCapacityProviderStrategy=[],
    )
    yield from unless({"ClusterNotFoundException"}, request)


RESOURCE = ResourceType(
    type="AWS::ECS::ClusterCapacityProviderAssociations",
    properties=PROPERTIES,
    create=_put,
    delete=_delete,
    update=_put,
    replace_on=frozenset({"Cluster"}),
)
