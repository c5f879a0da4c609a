"""AWS::ServiceDiscovery::Service by Cloud Map's CreateService, UpdateService and DeleteService."""

from collections.abc import Generator
from typing import Any

from moorage.stacks.resources.cloud_map_operation import finished
from moorage.stacks.resources.script import (
    Answer,
    Failed,
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
from moorage.stacks.resources.shapes import TAGS, TEXT, TEXTS, WHOLE, ListOf, Object
from moorage.stacks.resources.tagging import retag_cloud_map

TYPE = "AWS::ServiceDiscovery::Service"
PROPERTIES = Object(
    {
        "Description": TEXT,
        "DnsConfig": Object(
            {
                "DnsRecords": ListOf(Object({"TTL": WHOLE, "Type": TEXT}, ("TTL", "Type"))),
                "NamespaceId": TEXT,
                "RoutingPolicy": TEXT,
            },
            ("DnsRecords",),
        ),
        "HealthCheckCustomConfig": Object({"FailureThreshold": WHOLE}),
        "Name": TEXT,
        "NamespaceId": TEXT,
        "ServiceAttributes": TEXTS,
        "Tags": TAGS,
        "Type": TEXT,
    }
)


def _create(order: Order) -> Script:
    given = order.properties
    members: dict[str, Any] = {key: value for key, value in given.items() if key not in {"Tags", "ServiceAttributes"}}
    members.setdefault("Name", order.generated_name())
    found = (yield from _made_before(order, members)) if order.resumed else None
    if found is None:
        tags = as_tags(order.tags()) or None
        answer = yield ask("servicediscovery", "CreateService", **members, CreatorRequestId=order.token, Tags=tags)
        found = answer["Service"]
    yield Made(found["Id"], {"Arn": found["Arn"], "Id": found["Id"], "Name": found["Name"]})
    if given.get("ServiceAttributes"):
        attributes = given["ServiceAttributes"]
        yield ask("servicediscovery", "UpdateServiceAttributes", ServiceId=found["Id"], Attributes=attributes)


def _made_before(order: Order, members: dict[str, Any]) -> Generator[Step, Answer, Any]:
    """The service that carries our token, if an interrupted run has made it."""
    namespace = members.get("NamespaceId") or members.get("DnsConfig", {}).get("NamespaceId")
    if not namespace:
        raise Failed("A namespace is needed: NamespaceId or DnsConfig.NamespaceId.", "InvalidRequest")
    only_namespace = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
    listed = yield ask("servicediscovery", "ListServices", Filters=only_namespace)
    for summary in listed["Services"]:
        if summary["Name"] == members["Name"]:
            answer = yield ask("servicediscovery", "GetService", Id=summary["Id"])
            if answer["Service"].get("CreatorRequestId") == order.token:
                return answer["Service"]
    return None


def _update(order: Order) -> Script:
    if order.changed("Description", "DnsConfig"):
        change: dict[str, Any] = {"Description": order.properties.get("Description", "")}
        if "DnsConfig" in order.properties:
            change["DnsConfig"] = {"DnsRecords": order.properties["DnsConfig"]["DnsRecords"]}
        answer = yield ask("servicediscovery", "UpdateService", Id=order.physical_id, Service=change)
        yield finished(answer["OperationId"])
    if order.changed("ServiceAttributes"):
        yield from _set_attributes(order)
    yield from retag_cloud_map(order, order.attributes["Arn"])


def _set_attributes(order: Order) -> Generator[Step, Answer, None]:
    new, old = order.properties.get("ServiceAttributes", {}), order.old.get("ServiceAttributes", {})
    removed = sorted(set(old) - set(new))
    if removed:
        yield ask("servicediscovery", "DeleteServiceAttributes", ServiceId=order.physical_id, Attributes=removed)
    if new:
        yield ask("servicediscovery", "UpdateServiceAttributes", ServiceId=order.physical_id, Attributes=new)


def _delete(order: Order) -> Script:
    request = ask("servicediscovery", "DeleteService", Id=order.physical_id)
    yield from unless({"ServiceNotFound"}, Until(request, lambda _: True, frozenset({"ResourceInUse"}), 60))


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"HealthCheckCustomConfig", "Name", "NamespaceId", "Type"}),
    attributes=frozenset({"Arn", "Id", "Name"}),
    name="Name",
)
