import re
from collections.abc import Callable
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.registry import RegistryService
from moorage.system import SystemClock

Refused = Callable[..., tuple[str, str, int]]
Finish = Callable[[dict[str, Any]], dict[str, Any]]


def test_a_service_is_made_at_once_and_shown(sd: Any, namespace: str) -> None:
    made = sd.create_service(Name="cart", NamespaceId=namespace, Description="d")["Service"]
    assert re.fullmatch(r"srv-[a-z0-9]{16}", made["Id"])
    assert made["Arn"] == f"arn:aws:servicediscovery:eu-west-1:123456789012:service/{made['Id']}"
    assert (made["Type"], made["NamespaceId"], made["InstanceCount"]) == ("HTTP", namespace, 0)
    assert "DnsConfig" not in made
    assert sd.get_service(Id=made["Id"])["Service"] == made
    assert sd.get_namespace(Id=namespace)["Namespace"]["ServiceCount"] == 1


def test_a_name_is_unique_in_its_namespace(sd: Any, namespace: str, service: str) -> None:
    with pytest.raises(sd.exceptions.ServiceAlreadyExists) as caught:
        sd.create_service(Name="cart", NamespaceId=namespace)
    assert caught.value.response["ServiceId"] == service


def test_the_same_request_again_gives_the_same_service(sd: Any, namespace: str) -> None:
    arguments = {"Name": "cart", "NamespaceId": namespace, "CreatorRequestId": "once"}
    first = sd.create_service(**arguments)["Service"]
    assert sd.create_service(**arguments)["Service"] == first


def test_services_are_listed_by_namespace(sd: Any, namespace: str, service: str, finish: Finish) -> None:
    other = finish(sd.create_http_namespace(Name="other"))["Targets"]["NAMESPACE"]
    sd.create_service(Name="cart", NamespaceId=other)
    filters = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
    assert [found["Id"] for found in sd.list_services(Filters=filters)["Services"]] == [service]
    assert len(sd.list_services()["Services"]) == 2


def test_dns_records_are_shown_and_change_their_ttl_but_not_their_type(
    sd: Any, finish: Finish, refused: Refused
) -> None:
    home = finish(sd.create_private_dns_namespace(Name="corp.local", Vpc="vpc-1"))["Targets"]["NAMESPACE"]
    answer = sd.create_service(Name="db", DnsConfig={"NamespaceId": home, "DnsRecords": [{"Type": "A", "TTL": 60}]})
    assert "x-moorage-hint" not in answer["ResponseMetadata"]["HTTPHeaders"]
    made = answer["Service"]
    assert made["Type"] == "DNS_HTTP"
    assert made["DnsConfig"] == {
        "NamespaceId": home,
        "RoutingPolicy": "MULTIVALUE",
        "DnsRecords": [{"Type": "A", "TTL": 60}],
    }
    change = {"Description": "d", "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 10}]}}
    operation = finish(sd.update_service(Id=made["Id"], Service=change))
    assert (operation["Type"], operation["Status"]) == ("UPDATE_SERVICE", "SUCCESS")
    changed = sd.get_service(Id=made["Id"])["Service"]
    assert (changed["Description"], changed["DnsConfig"]["DnsRecords"][0]["TTL"]) == ("d", 10)
    srv = {"DnsConfig": {"DnsRecords": [{"Type": "SRV", "TTL": 10}]}}
    assert "delete the service" in refused(sd.update_service, Id=made["Id"], Service=srv)[1]


def test_dns_names_that_differ_by_case_only_are_one(sd: Any, finish: Finish, refused: Refused) -> None:
    home = finish(sd.create_private_dns_namespace(Name="case.local", Vpc="vpc-1"))["Targets"]["NAMESPACE"]
    records = {"NamespaceId": home, "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}}
    sd.create_service(Name="db", **records)
    assert refused(sd.create_service, Name="DB", **records)[0] == "ServiceAlreadyExists"
    sd.create_service(Name="DB", NamespaceId=home, Type="HTTP")


def test_records_of_a_public_namespace_are_kept_with_a_hint(sd: Any, finish: Finish) -> None:
    home = finish(sd.create_public_dns_namespace(Name="example.org"))["Targets"]["NAMESPACE"]
    answer = sd.create_service(Name="db", NamespaceId=home, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 60}]})
    assert "not by DNS" in answer["ResponseMetadata"]["HTTPHeaders"]["x-moorage-hint"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}}, "DnsConfig"),
        ({"HealthCheckConfig": {"Type": "HTTP"}}, "HealthCheckConfig"),
        ({"Name": "no spaces"}, "regular expression"),
    ],
)
def test_what_cannot_be_made_is_refused(
    sd: Any, namespace: str, refused: Refused, arguments: dict[str, Any], part: str
) -> None:
    code, message, status = refused(sd.create_service, **{"Name": "n", "NamespaceId": namespace, **arguments})
    assert (code, status) == ("InvalidInput", 400)
    assert part in message
    assert sd.list_services()["Services"] == []


def test_a_service_needs_a_namespace_that_there_is(sd: Any, refused: Refused) -> None:
    assert refused(sd.create_service, Name="n")[0] == "InvalidInput"
    assert refused(sd.create_service, Name="n", NamespaceId="ns-x")[::2] == ("NamespaceNotFound", 404)


def test_a_service_with_instances_cannot_be_deleted(
    sd: Any, service: str, register: Callable[..., Any], refused: Refused, finish: Finish
) -> None:
    register("i-1", AWS_INSTANCE_IPV4="10.0.0.1")
    assert refused(sd.delete_service, Id=service)[::2] == ("ResourceInUse", 409)
    finish(sd.deregister_instance(ServiceId=service, InstanceId="i-1"))
    sd.delete_service(Id=service)
    assert refused(sd.get_service, Id=service)[::2] == ("ServiceNotFound", 404)


def test_what_ecs_made_is_shown_as_its_own_and_cannot_be_changed_by_hand(
    served: Any, sd: Any, namespace: str, refused: Refused
) -> None:
    owner = "arn:aws:ecs:eu-west-1:123456789012:service/c/s"
    managed = RegistryService(
        account="123456789012",
        region="eu-west-1",
        id="srv-managed",
        name="managed",
        namespace_id=namespace,
        type="HTTP",
        created_at=SystemClock().now(),
        description=f"Managed by {owner}",
        managed_by=owner,
        tags={"AmazonECSManaged": "true"},
    )
    served.write(Put(managed))
    assert sd.get_service(Id="srv-managed")["Service"]["Description"] == f"Managed by {owner}"
    assert sd.list_tags_for_resource(ResourceARN=managed.arn)["Tags"] == [{"Key": "AmazonECSManaged", "Value": "true"}]
    code, message, status = refused(sd.delete_service, Id="srv-managed")
    assert (code, status) == ("ResourceInUse", 409)
    assert owner in message
    assert refused(sd.update_service, Id="srv-managed", Service={"Description": "mine"})[0] == "ResourceInUse"


def test_service_attributes_are_kept_merged_and_removed(sd: Any, service: str, refused: Refused) -> None:
    sd.update_service_attributes(ServiceId=service, Attributes={"a": "1", "b": "2"})
    sd.update_service_attributes(ServiceId=service, Attributes={"b": "3"})
    sd.delete_service_attributes(ServiceId=service, Attributes=["a"])
    assert sd.get_service_attributes(ServiceId=service)["ServiceAttributes"]["Attributes"] == {"b": "3"}
    many = {f"k{number}": "v" for number in range(30)}
    code, _, _ = refused(sd.update_service_attributes, ServiceId=service, Attributes=many)
    assert code == "ServiceAttributesLimitExceededException"
