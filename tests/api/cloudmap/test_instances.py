from collections.abc import Callable
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.registry import Instance
from moorage.system import SystemClock

Refused = Callable[..., tuple[str, str, int]]
Finish = Callable[[dict[str, Any]], dict[str, Any]]
Register = Callable[..., dict[str, Any]]


def found_ids(answer: dict[str, Any]) -> list[str]:
    return sorted(instance["InstanceId"] for instance in answer["Instances"])


def test_an_instance_is_registered_discovered_and_taken_away(
    sd: Any, service: str, register: Register, finish: Finish, refused: Refused
) -> None:
    operation = register("i-1", AWS_INSTANCE_IPV4="10.0.0.1", AWS_INSTANCE_PORT="80", colour="red")
    assert (operation["Type"], operation["Status"]) == ("REGISTER_INSTANCE", "SUCCESS")
    assert operation["Targets"] == {"SERVICE": service, "INSTANCE": "i-1"}
    attributes = {"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_PORT": "80", "colour": "red"}
    assert sd.get_instance(ServiceId=service, InstanceId="i-1")["Instance"]["Attributes"] == attributes
    answer = sd.discover_instances(NamespaceName="shop", ServiceName="cart")
    assert answer["Instances"] == [
        {
            "InstanceId": "i-1",
            "NamespaceName": "shop",
            "ServiceName": "cart",
            "HealthStatus": "HEALTHY",
            "Attributes": attributes,
        }
    ]
    finish(sd.deregister_instance(ServiceId=service, InstanceId="i-1"))
    assert sd.discover_instances(NamespaceName="shop", ServiceName="cart")["Instances"] == []
    assert refused(sd.get_instance, ServiceId=service, InstanceId="i-1")[::2] == ("InstanceNotFound", 404)
    assert refused(sd.deregister_instance, ServiceId=service, InstanceId="i-1")[0] == "InstanceNotFound"


def test_the_revision_grows_with_every_change_of_the_instances(
    sd: Any, service: str, register: Register, finish: Finish
) -> None:
    def revision() -> int:
        seen: int = sd.discover_instances_revision(NamespaceName="shop", ServiceName="cart")["InstancesRevision"]
        assert sd.discover_instances(NamespaceName="shop", ServiceName="cart")["InstancesRevision"] == seen
        return seen

    revisions = [revision()]
    for act in (
        lambda: register("i-1"),
        lambda: register("i-1", colour="blue"),
        lambda: finish(sd.deregister_instance(ServiceId=service, InstanceId="i-1")),
    ):
        act()
        revisions.append(revision())
    assert revisions == sorted(set(revisions))


def test_query_parameters_must_match_and_optional_ones_narrow_if_they_can(sd: Any, register: Register) -> None:
    register("a", stage="prod", zone="1")
    register("b", stage="prod", zone="2")
    register("c", stage="test", zone="1")

    def discover(**more: Any) -> list[str]:
        return found_ids(sd.discover_instances(NamespaceName="shop", ServiceName="cart", **more))

    assert discover() == ["a", "b", "c"]
    assert discover(QueryParameters={"stage": "prod"}) == ["a", "b"]
    assert discover(QueryParameters={"stage": "prod"}, OptionalParameters={"zone": "2"}) == ["b"]
    assert discover(QueryParameters={"stage": "prod"}, OptionalParameters={"zone": "9"}) == ["a", "b"]
    assert discover(QueryParameters={"stage": "none"}) == []
    assert len(discover(MaxResults=2)) == 2


def test_health_decides_who_is_found(sd: Any, service: str, register: Register) -> None:
    register("up")
    register("down", AWS_INIT_HEALTH_STATUS="UNHEALTHY")

    def discover(status: str) -> list[str]:
        return found_ids(sd.discover_instances(NamespaceName="shop", ServiceName="cart", HealthStatus=status))

    assert (discover("HEALTHY"), discover("UNHEALTHY"), discover("ALL")) == (["up"], ["down"], ["down", "up"])
    assert discover("HEALTHY_OR_ELSE_ALL") == ["up"]
    assert found_ids(sd.discover_instances(NamespaceName="shop", ServiceName="cart")) == ["up"]
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="up", Status="UNHEALTHY")
    assert discover("HEALTHY") == []
    assert discover("HEALTHY_OR_ELSE_ALL") == ["down", "up"]
    statuses = sd.get_instances_health_status(ServiceId=service)["Status"]
    assert statuses == {"up": "UNHEALTHY", "down": "UNHEALTHY"}


def test_without_a_health_check_health_is_unknown_and_does_not_count(
    sd: Any, namespace: str, register: Register, refused: Refused
) -> None:
    plain = sd.create_service(Name="plain", NamespaceId=namespace)["Service"]["Id"]
    register("i", service_id=plain)
    answer = sd.discover_instances(NamespaceName="shop", ServiceName="plain", HealthStatus="UNHEALTHY")
    assert [instance["HealthStatus"] for instance in answer["Instances"]] == ["UNKNOWN"]
    code, _, status = refused(
        sd.update_instance_custom_health_status, ServiceId=plain, InstanceId="i", Status="HEALTHY"
    )
    assert (code, status) == ("CustomHealthNotFound", 404)


@pytest.mark.parametrize(
    ("attributes", "part"),
    [
        ({"AWS_INSTANCE_IPV4": "10.0.0"}, "AWS_INSTANCE_IPV4"),
        ({"AWS_INSTANCE_IPV6": "10.0.0.1"}, "AWS_INSTANCE_IPV6"),
        ({"AWS_INSTANCE_PORT": "70000"}, "AWS_INSTANCE_PORT"),
        ({"AWS_EC2_INSTANCE_ID": "i-0"}, "AWS_EC2_INSTANCE_ID"),
        ({"AWS_INIT_HEALTH_STATUS": "FINE"}, "AWS_INIT_HEALTH_STATUS"),
        ({f"k{number}": "v" for number in range(31)}, "30 custom attributes"),
        ({f"k{number}": "v" * 1000 for number in range(5)}, "5000"),
    ],
)
def test_attributes_that_make_no_sense_are_refused(
    sd: Any, service: str, refused: Refused, attributes: dict[str, str], part: str
) -> None:
    code, message, _ = refused(sd.register_instance, ServiceId=service, InstanceId="i", Attributes=attributes)
    assert code == "InvalidInput"
    assert part in message
    assert sd.list_instances(ServiceId=service)["Instances"] == []


def test_instances_are_listed_in_pages(sd: Any, service: str, register: Register) -> None:
    for number in range(5):
        register(f"i-{number}")
    pages = sd.get_paginator("list_instances").paginate(ServiceId=service, PaginationConfig={"PageSize": 2})
    assert [found["Id"] for page in pages for found in page["Instances"]] == [f"i-{number}" for number in range(5)]
    assert sd.get_service(Id=service)["Service"]["InstanceCount"] == 5


def test_an_instance_of_a_task_is_seen_and_cannot_be_changed_by_hand(
    served: Any, sd: Any, service: str, refused: Refused
) -> None:
    task = "0123456789abcdef0123456789abcdef"
    kept = Instance(
        account="123456789012",
        region="eu-west-1",
        service_id=service,
        id=task,
        attributes={"AWS_INSTANCE_IPV4": "100.64.0.9"},
        created_at=SystemClock().now(),
        task_id=task,
    )
    served.write(Put(kept))
    assert found_ids(sd.discover_instances(NamespaceName="shop", ServiceName="cart")) == [task]
    for call, more in ((sd.register_instance, {"Attributes": {"a": "b"}}), (sd.deregister_instance, {})):
        code, _, status = refused(call, ServiceId=service, InstanceId=task, **more)
        assert (code, status) == ("ResourceInUse", 409)


def test_unknown_names_are_not_found(sd: Any, namespace: str, refused: Refused) -> None:
    discover = sd.discover_instances
    assert refused(discover, NamespaceName="nowhere", ServiceName="cart")[::2] == ("NamespaceNotFound", 404)
    assert refused(discover, NamespaceName="shop", ServiceName="none")[::2] == ("ServiceNotFound", 404)
    code, message, _ = refused(discover, NamespaceName="shop", ServiceName="cart", OwnerAccount="123456789012")
    assert (code, "OwnerAccount" in message) == ("InvalidInput", True)
