import base64
import re
from collections.abc import Callable
from typing import Any

import pytest

from moorage.api.cloudmap import table
from moorage.wire import models

Refused = Callable[..., tuple[str, str, int]]
Finish = Callable[[dict[str, Any]], dict[str, Any]]


def test_an_http_namespace_is_made_by_an_operation_and_shown(sd: Any, finish: Finish) -> None:
    operation = finish(
        sd.create_http_namespace(
            Name="shop", Description="d", CreatorRequestId="r-1", Tags=[{"Key": "k", "Value": "v"}]
        )
    )
    assert (operation["Type"], operation["Status"]) == ("CREATE_NAMESPACE", "SUCCESS")
    assert operation["UpdateDate"] >= operation["CreateDate"]
    identity = operation["Targets"]["NAMESPACE"]
    assert re.fullmatch(r"ns-[a-z0-9]{16}", identity)
    found = sd.get_namespace(Id=identity)["Namespace"]
    assert found.pop("CreateDate")
    assert found == {
        "Id": identity,
        "Arn": f"arn:aws:servicediscovery:eu-west-1:123456789012:namespace/{identity}",
        "ResourceOwner": "123456789012",
        "Name": "shop",
        "Type": "HTTP",
        "Description": "d",
        "ServiceCount": 0,
        "Properties": {"HttpProperties": {"HttpName": "shop"}},
        "CreatorRequestId": "r-1",
    }
    assert sd.get_namespace(Id=found["Arn"])["Namespace"]["Id"] == identity
    assert sd.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"] == [{"Key": "k", "Value": "v"}]


def test_a_private_dns_namespace_shows_no_hosted_zone_and_says_why(sd: Any, finish: Finish) -> None:
    submitted = sd.create_private_dns_namespace(Name="corp.local", Vpc="vpc-1")
    assert "Route 53 shows no hosted zone" in submitted["ResponseMetadata"]["HTTPHeaders"]["x-moorage-hint"]
    found = sd.get_namespace(Id=finish(submitted)["Targets"]["NAMESPACE"])["Namespace"]
    assert found["Type"] == "DNS_PRIVATE"
    assert found["Properties"] == {
        "DnsProperties": {"SOA": {"TTL": 15}},
        "HttpProperties": {"HttpName": "corp.local"},
    }


def test_one_name_in_two_types_gets_a_second_name_for_discovery(sd: Any, finish: Finish) -> None:
    finish(sd.create_private_dns_namespace(Name="corp.local", Vpc="vpc-1"))
    operation = finish(sd.create_http_namespace(Name="corp.local"))
    properties = sd.get_namespace(Id=operation["Targets"]["NAMESPACE"])["Namespace"]["Properties"]
    assert re.fullmatch(r"corp\.local-[a-z0-9]{16}", properties["HttpProperties"]["HttpName"])


def test_a_name_is_taken_once(sd: Any, namespace: str, refused: Refused) -> None:
    code, message, status = refused(sd.create_http_namespace, Name="shop")
    assert (code, status) == ("NamespaceAlreadyExists", 400)
    assert "shop" in message


def test_the_error_of_a_taken_name_carries_who_has_it(sd: Any, namespace: str) -> None:
    with pytest.raises(sd.exceptions.NamespaceAlreadyExists) as caught:
        sd.create_http_namespace(Name="shop")
    assert caught.value.response["NamespaceId"] == namespace


def test_namespaces_are_listed_by_filter_and_page(sd: Any, finish: Finish, refused: Refused) -> None:
    for name in ("alpha", "alps", "beta"):
        finish(sd.create_http_namespace(Name=name))

    def named(*filters: dict[str, Any]) -> set[str]:
        pages = sd.get_paginator("list_namespaces").paginate(Filters=list(filters), PaginationConfig={"PageSize": 1})
        return {found["Name"] for page in pages for found in page["Namespaces"]}

    assert named() == {"alpha", "alps", "beta"}
    assert named({"Name": "NAME", "Values": ["al"], "Condition": "BEGINS_WITH"}) == {"alpha", "alps"}
    assert named({"Name": "TYPE", "Values": ["DNS_PRIVATE"]}) == set()
    assert named({"Name": "HTTP_NAME", "Values": ["beta"]}) == {"beta"}
    code, _, _ = refused(sd.list_namespaces, Filters=[{"Name": "NAME", "Values": ["a", "b"], "Condition": "BETWEEN"}])
    assert code == "InvalidInput"
    assert refused(sd.list_namespaces, NextToken="§")[0] == "InvalidInput"
    token = sd.list_namespaces(MaxResults=1)["NextToken"]
    assert len(sd.list_namespaces(NextToken=token)["Namespaces"]) == 2
    altered = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
    for forged in (altered, base64.b64encode(b"ns-a").decode()):
        assert refused(sd.list_namespaces, NextToken=forged)[0] == "InvalidInput"


def test_a_description_is_updated(sd: Any, namespace: str, finish: Finish, refused: Refused) -> None:
    operation = finish(sd.update_http_namespace(Id=namespace, Namespace={"Description": "new"}))
    assert (operation["Type"], operation["Status"]) == ("UPDATE_NAMESPACE", "SUCCESS")
    assert sd.get_namespace(Id=namespace)["Namespace"]["Description"] == "new"
    wrong = refused(sd.update_private_dns_namespace, Id=namespace, Namespace={"Description": "x"})
    assert (wrong[0], wrong[2]) == ("NamespaceNotFound", 404)


def test_a_namespace_with_services_cannot_be_deleted(
    sd: Any, namespace: str, service: str, refused: Refused, finish: Finish
) -> None:
    code, _, status = refused(sd.delete_namespace, Id=namespace)
    assert (code, status) == ("ResourceInUse", 409)
    sd.delete_service(Id=service)
    assert finish(sd.delete_namespace(Id=namespace))["Status"] == "SUCCESS"
    assert refused(sd.get_namespace, Id=namespace)[0] == "NamespaceNotFound"
    assert finish(sd.create_http_namespace(Name="shop"))["Status"] == "SUCCESS"


def test_what_there_is_not_is_not_found(sd: Any, refused: Refused) -> None:
    missing = "ns-aaaaaaaaaaaaaaaa"
    assert refused(sd.get_namespace, Id=missing)[::2] == ("NamespaceNotFound", 404)
    assert refused(sd.delete_namespace, Id=missing)[::2] == ("NamespaceNotFound", 404)
    assert refused(sd.get_operation, OperationId="nothing")[::2] == ("OperationNotFound", 404)
    arn = f"arn:aws:servicediscovery:eu-west-1:123456789012:namespace/{missing}"
    assert refused(sd.list_tags_for_resource, ResourceARN=arn)[::2] == ("ResourceNotFoundException", 404)


def test_another_account_s_namespace_is_not_found_by_its_arn(
    served: Any, sd: Any, namespace: str, refused: Refused
) -> None:
    arn = sd.get_namespace(Id=namespace)["Namespace"]["Arn"]
    other = served.client("servicediscovery", account="999999999999")
    assert refused(other.get_namespace, Id=arn)[0] == "NamespaceNotFound"


def test_a_public_dns_namespace_is_recorded_with_a_hint_and_updated(sd: Any, finish: Finish, refused: Refused) -> None:
    properties = {"DnsProperties": {"SOA": {"TTL": 100}}}
    submitted = sd.create_public_dns_namespace(Name="example.com", Properties=properties)
    assert "not by DNS" in submitted["ResponseMetadata"]["HTTPHeaders"]["x-moorage-hint"]
    identity = finish(submitted)["Targets"]["NAMESPACE"]
    change = {"Description": "d", "Properties": {"DnsProperties": {"SOA": {"TTL": 7}}}}
    assert finish(sd.update_public_dns_namespace(Id=identity, Namespace=change))["Status"] == "SUCCESS"
    found = sd.get_namespace(Id=identity)["Namespace"]
    assert (found["Type"], found["Description"]) == ("DNS_PUBLIC", "d")
    assert found["Properties"]["DnsProperties"] == {"SOA": {"TTL": 7}}
    assert refused(sd.update_private_dns_namespace, Id=identity, Namespace={})[0] == "NamespaceNotFound"
    listed = sd.list_namespaces(Filters=[{"Name": "TYPE", "Values": ["DNS_PUBLIC"]}])["Namespaces"]
    assert [namespace["Name"] for namespace in listed] == ["example.com"]


def test_every_operation_of_the_model_is_served() -> None:
    assert set(table.OPERATIONS) == models.service_operations("servicediscovery")


def test_tags_are_added_and_removed(sd: Any, namespace: str, refused: Refused) -> None:
    arn = sd.get_namespace(Id=namespace)["Namespace"]["Arn"]
    sd.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sd.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert sd.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(sd.tag_resource, ResourceARN=arn, Tags=[{"Key": "AWS:x", "Value": "1"}])[0] == "InvalidInput"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refused(sd.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"
