"""What ECS asks of serviceRegistries: one registry, and a port exactly where it has a use."""

from typing import Any

import pytest

from moorage.domain import service_registry
from moorage.domain.errors import DomainError
from moorage.domain.registry import RegistryService
from moorage.domain.service_registry import MAX_TASKS, ServiceRegistry
from worlds import HOME, NAMESPACE, NOON, definition

ARN = "arn:aws:servicediscovery:us-east-1:111122223333:service/srv-utcrh6wavdkggqtk"
CONTAINER = {"containerName": "app", "containerPort": 5000}


def cloud_map(*records: str, **members: Any) -> RegistryService:
    dns = {"DnsRecords": [{"Type": record, "TTL": 60} for record in records]} if records else None
    return RegistryService(*HOME, "srv-utcrh6wavdkggqtk", "web", NAMESPACE, "", NOON, dns_config=dns, **members)


def refused(found: RegistryService | None, mode: str = "awsvpc", **members: Any) -> str:
    with pytest.raises(DomainError) as refusal:
        (registry,) = service_registry.read([{"registryArn": ARN, **members}])
        service_registry.check(registry, found, definition(networkMode=mode))
    return refusal.value.message


@pytest.mark.parametrize(
    ("mode", "records", "members"),
    [
        ("awsvpc", ("A",), {}),
        ("awsvpc", ("SRV",), {"port": 5000}),
        ("awsvpc", ("SRV",), CONTAINER),
        ("awsvpc", ("A", "SRV"), CONTAINER),
        ("awsvpc", (), {}),
        ("awsvpc", (), {"port": 5000}),
        ("bridge", ("SRV",), CONTAINER),
        ("bridge", (), CONTAINER),
    ],
)
def test_each_documented_combination_is_taken_and_comes_back_as_it_was(mode, records, members):
    (registry,) = service_registry.read([{"registryArn": ARN, **members}])
    service_registry.check(registry, cloud_map(*records), definition(networkMode=mode))
    assert registry.document() == {"registryArn": ARN, **members}


@pytest.mark.parametrize(
    ("mode", "records", "members", "sentence"),
    [
        ("awsvpc", ("A",), CONTAINER, "do not require a value for 'containerPort'. Remove the value and retry."),
        ("awsvpc", ("A",), {"port": 5000}, "do not require a value for 'port'. Remove the value and retry."),
        ("awsvpc", ("SRV",), {}, "a value for either 'port' or the 'containerName' and 'containerPort'"),
        ("awsvpc", ("AAAA",), {}, "no IPv6 addresses"),
        ("awsvpc", ("CNAME",), {}, "cannot be registered with CNAME records"),
        ("bridge", ("SRV",), {"port": 5000}, "values for 'containerName' and 'containerPort' must be specified from"),
        ("bridge", ("SRV",), {}, "values for 'containerName' and 'containerPort' must be specified from"),
        ("bridge", ("A",), CONTAINER, "type SRV DNS records only"),
        ("none", ("A",), {}, "not 'none'"),
        ("awsvpc", ("SRV",), {**CONTAINER, "port": 5000}, "but not both. Remove one and retry."),
        ("awsvpc", ("SRV",), {"containerName": "app"}, "Specify both"),
        ("awsvpc", ("SRV",), {"port": 0}, "between 1 and 65535"),
        ("awsvpc", ("SRV",), {**CONTAINER, "containerName": "db"}, "The container db does not exist"),
        ("awsvpc", ("SRV",), {**CONTAINER, "containerPort": 80}, "did not have a container port 80 defined."),
    ],
)
def test_other_combinations_are_refused_in_a_sentence_that_says_what_to_do(mode, records, members, sentence):
    assert sentence in refused(cloud_map(*records), mode, **members)


def test_the_cloud_map_service_must_be_there_and_not_be_service_connects_own():
    assert refused(None).endswith(f"Registry: {ARN}")
    assert "managed by Service Connect" in refused(cloud_map(managed_by="arn:aws:ecs:us-east-1:1:service/demo/web"))


@pytest.mark.parametrize("arn", ["", "srv-utcrh6wavdkggqtk", ARN.replace("service/srv-", "namespace/ns-")])
def test_only_the_arn_of_a_cloud_map_service_is_taken(arn):
    with pytest.raises(DomainError) as refusal:
        service_registry.read([{"registryArn": arn}])
    assert refusal.value.message == f"The format of the supplied service registry ARN is invalid: {arn}."


def test_one_registry_and_a_thousand_tasks_are_the_most():
    with pytest.raises(DomainError, match="one service registry"):
        service_registry.read([{"registryArn": ARN}] * 2)
    service_registry.check_count(MAX_TASKS, [ServiceRegistry(ARN)])
    service_registry.check_count(MAX_TASKS + 1, [])
    with pytest.raises(DomainError, match="at most 1000"):
        service_registry.check_count(MAX_TASKS + 1, [ServiceRegistry(ARN)])
