"""AWS::ServiceDiscovery::HttpNamespace and PrivateDnsNamespace: two types, one life.

Creation, update and deletion are Cloud Map operations that are waited for.
"""

from collections.abc import Generator
from typing import Any

from moorage.stacks.resources.cloud_map_operation import finished
from moorage.stacks.resources.script import (
    Answer,
    Made,
    Order,
    ResourceType,
    Script,
    Step,
    Until,
    as_tags,
    ask,
    unless,
)
from moorage.stacks.resources.shapes import TAGS, TEXT, WHOLE, Object
from moorage.stacks.resources.tagging import retag_cloud_map

HTTP_TYPE = "AWS::ServiceDiscovery::HttpNamespace"
PRIVATE_TYPE = "AWS::ServiceDiscovery::PrivateDnsNamespace"
_SOA = Object({"DnsProperties": Object({"SOA": Object({"TTL": WHOLE})})})
_GONE = frozenset({"NamespaceNotFound"})


def _create(order: Order, operation: str, arguments: dict[str, Any]) -> Script:
    name = order.properties["Name"]
    namespace = (yield from _made_before(order, name)) if order.resumed else None
    if namespace is None:
        answer = yield ask(
            "servicediscovery",
            operation,
            Name=name,
            CreatorRequestId=order.token,
            Description=order.properties.get("Description"),
            Tags=as_tags(order.tags()) or None,
            **arguments,
        )
        done = yield finished(answer["OperationId"])
        namespace = done["Operation"]["Targets"]["NAMESPACE"]
    described = yield ask("servicediscovery", "GetNamespace", Id=namespace)
    # No HostedZoneId: no zone is made in Route 53 (docs/decisions/0204).
    yield Made(namespace, {"Arn": described["Namespace"]["Arn"], "Id": described["Namespace"]["Id"]})


def _made_before(order: Order, name: str) -> Generator[Step, Answer, str | None]:
    """The namespace that carries our token, if an interrupted run has made it."""
    only_name = [{"Name": "NAME", "Values": [name], "Condition": "EQ"}]
    listed = yield ask("servicediscovery", "ListNamespaces", Filters=only_name)
    for found in listed["Namespaces"]:
        answer = yield ask("servicediscovery", "GetNamespace", Id=found["Id"])
        if answer["Namespace"].get("CreatorRequestId") == order.token:
            return str(found["Id"])
    return None


def _create_http(order: Order) -> Script:
    return _create(order, "CreateHttpNamespace", {})


def _create_private(order: Order) -> Script:
    extra = {"Vpc": order.properties["Vpc"], "Properties": order.properties.get("Properties")}
    return _create(
        order, "CreatePrivateDnsNamespace", {key: value for key, value in extra.items() if value is not None}
    )


def _update(order: Order, operation: str) -> Script:
    change: dict[str, Any] = {}
    if order.changed("Description"):
        change["Description"] = order.properties.get("Description", "")
    if order.changed("Properties"):
        change["Properties"] = order.properties.get("Properties", {"DnsProperties": {"SOA": {"TTL": 15}}})
    if change:
        answer = yield ask("servicediscovery", operation, Id=order.physical_id, Namespace=change)
        yield finished(answer["OperationId"])
    yield from retag_cloud_map(order, order.attributes["Arn"])


def _update_http(order: Order) -> Script:
    return _update(order, "UpdateHttpNamespace")


def _update_private(order: Order) -> Script:
    return _update(order, "UpdatePrivateDnsNamespace")


def _delete(order: Order) -> Script:
    # What ECS registered in the namespace goes away a moment after its services do (reference section 1.2).
    request = ask("servicediscovery", "DeleteNamespace", Id=order.physical_id)
    answer = yield from unless(_GONE, Until(request, lambda _: True, frozenset({"ResourceInUse"}), 60))
    if answer is not None:
        yield from unless(_GONE, finished(answer["OperationId"]))


HTTP = ResourceType(
    type=HTTP_TYPE,
    properties=Object({"Description": TEXT, "Name": TEXT, "Tags": TAGS}, ("Name",)),
    create=_create_http,
    delete=_delete,
    update=_update_http,
    replace_on=frozenset({"Name"}),
    attributes=frozenset({"Arn", "Id"}),
    name="Name",
)
PRIVATE = ResourceType(
    type=PRIVATE_TYPE,
    properties=Object(
        {"Description": TEXT, "Name": TEXT, "Properties": _SOA, "Tags": TAGS, "Vpc": TEXT}, ("Name", "Vpc")
    ),
    create=_create_private,
    delete=_delete,
    update=_update_private,
    replace_on=frozenset({"Name", "Vpc"}),
    attributes=frozenset({"Arn", "Id"}),
    name="Name",
)
