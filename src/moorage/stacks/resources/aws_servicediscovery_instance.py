"""AWS::ServiceDiscovery::Instance by RegisterInstance and DeregisterInstance."""

from moorage.stacks.resources.cloud_map_operation import finished
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, ask, unless
from moorage.stacks.resources.shapes import TEXT, TEXTS, Object

PROPERTIES = Object(
    {"InstanceAttributes": TEXTS, "InstanceId": TEXT, "ServiceId": TEXT}, ("InstanceAttributes", "ServiceId")
)


def _register(order: Order) -> Script:
    # RegisterInstance replaces what is registered under the id, so it serves updates and second runs as well.
    instance = order.physical_id or order.properties.get("InstanceId") or order.generated_name()
    answer = yield ask(
        "servicediscovery",
        "RegisterInstance",
        ServiceId=order.properties["ServiceId"],
        InstanceId=instance,
        Attributes=order.properties["InstanceAttributes"],
    )
    yield Made(instance)
    yield finished(answer["OperationId"])


def _delete(order: Order) -> Script:
    service = order.properties["ServiceId"]
    request = ask("servicediscovery", "DeregisterInstance", ServiceId=service, InstanceId=order.physical_id)
    answer = yield from unless({"InstanceNotFound", "ServiceNotFound"}, request)
    if answer is not None:
        yield finished(answer["OperationId"])


RESOURCE = ResourceType(
    type="AWS::ServiceDiscovery::Instance",
    properties=PROPERTIES,
    create=_register,
    delete=_delete,
    update=_register,
    replace_on=frozenset({"InstanceId", "ServiceId"}),
    name="InstanceId",
)
