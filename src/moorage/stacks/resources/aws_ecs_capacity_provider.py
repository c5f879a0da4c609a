"""AWS::ECS::CapacityProvider by CreateCapacityProvider, UpdateCapacityProvider and DeleteCapacityProvider."""

from moorage.stacks.resources.script import Declined, Made, Order, ResourceType, Script, already_exists, ask, unless
from moorage.stacks.resources.shapes import TAGS, TEXT, WHOLE, Object, camel
from moorage.stacks.resources.tagging import ecs_tags, retag_ecs

TYPE = "AWS::ECS::CapacityProvider"
_SCALING = Object(
    {
        "InstanceWarmupPeriod": WHOLE,
        "MaximumScalingStepSize": WHOLE,
        "MinimumScalingStepSize": WHOLE,
        "Status": TEXT,
        "TargetCapacity": WHOLE,
    }
)
_GROUP = Object(
    {
        "AutoScalingGroupArn": TEXT,
        "ManagedDraining": TEXT,
        "ManagedScaling": _SCALING,
        "ManagedTerminationProtection": TEXT,
    },
    ("AutoScalingGroupArn",),
)
PROPERTIES = Object({"AutoScalingGroupProvider": _GROUP, "Name": TEXT, "Tags": TAGS}, ("AutoScalingGroupProvider",))


def _create(order: Order) -> Script:
    name = order.properties.get("Name") or order.generated_name(255)
    group = camel(_GROUP, order.properties["AutoScalingGroupProvider"])
    tags = ecs_tags(order.tags())
    try:
        yield ask("ecs", "CreateCapacityProvider", name=name, autoScalingGroupProvider=group, tags=tags)
    except Declined as declined:
        if "already exists" not in declined.message:
            raise
        if not order.resumed:
            raise already_exists(TYPE, name) from declined
    yield Made(name)


def _update(order: Order) -> Script:
    group = camel(_GROUP, order.properties["AutoScalingGroupProvider"])
    del group["autoScalingGroupArn"]
    answer = yield ask("ecs", "UpdateCapacityProvider", name=order.physical_id, autoScalingGroupProvider=group)
    yield from retag_ecs(order, answer["capacityProvider"]["capacityProviderArn"])


def _delete(order: Order) -> Script:
    """One that is in use is a ClientException; what is invalid about a name that was made here is that it is gone."""
    request = ask("ecs", "DeleteCapacityProvider", capacityProvider=order.physical_id)
    yield from unless({"InvalidParameterException"}, request)


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"AutoScalingGroupProvider.AutoScalingGroupArn", "Name"}),
    name="Name",
)
