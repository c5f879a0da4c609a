"""ECS service discovery by a real client: serviceRegistries of services and task sets, and Cloud Map beside them."""

from typing import Any

import pytest

from moorage.domain.registry import Instance
from moorage.domain.service import Deployment


@pytest.fixture
def cloud_map(account: Any, demo: Any) -> Any:
    return account.client("servicediscovery")


@pytest.fixture
def registry(cloud_map: Any) -> dict[str, Any]:
    """A registry of A records, as a member of serviceRegistries."""
    return {"registryArn": made(cloud_map)["Arn"]}


def made(cloud_map: Any, name: str = "web", *records: str) -> Any:
    """A Cloud Map service in a private DNS namespace."""
    namespaces = {each["Name"]: each["Id"] for each in cloud_map.list_namespaces()["Namespaces"]}
    if "sd.local" not in namespaces:
        cloud_map.create_private_dns_namespace(Name="sd.local", Vpc="vpc-1")
        while "sd.local" not in namespaces:
            namespaces = {each["Name"]: each["Id"] for each in cloud_map.list_namespaces()["Namespaces"]}
    dns = {"DnsRecords": [{"Type": each, "TTL": 60} for each in records or ("A",)]}
    arguments = {"DnsConfig": dns, "HealthCheckCustomConfig": {"FailureThreshold": 1}}
    return cloud_map.create_service(Name=name, NamespaceId=namespaces["sd.local"], **arguments)["Service"]


def test_registries_are_shown_on_the_service_and_its_revision(create: Any, demo: Any, registry: Any) -> None:
    service = create("web", serviceRegistries=[registry])
    assert service["serviceRegistries"] == [registry]
    described = demo.describe_services(cluster="demo", services=["web"])["services"][0]
    assert described["serviceRegistries"] == [registry]
    revision = described["currentServiceRevisions"][0]["arn"]
    (shown,) = demo.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    assert shown["serviceRegistries"] == [registry]


def test_a_change_of_registries_starts_a_deployment_and_the_same_again_none(
    account: Any, create: Any, demo: Any, cloud_map: Any, registry: Any
) -> None:
    def updated(**members: Any) -> Any:
        return demo.update_service(cluster="demo", service="web", **members)["service"]

    create("web", connect={"enabled": True}, serviceRegistries=[registry])
    assert len(updated(serviceRegistries=[registry])["deployments"]) == 1
    other = {"registryArn": made(cloud_map, "other", "SRV")["Arn"], "port": 8080}
    changed = updated(serviceRegistries=[other])
    assert (len(changed["deployments"]), changed["serviceRegistries"]) == (2, [other])
    assert updated(forceNewDeployment=True)["serviceRegistries"] == [other]
    assert updated(serviceRegistries=[])["serviceRegistries"] == []
    connected = [each for each in account.world().all(Deployment) if each.account == account.id]
    assert {each.connect["enabled"] for each in connected} == {True}, "Service Connect stays beside it"


def test_ecs_says_why_a_registry_cannot_be_used(create: Any, cloud_map: Any, registry: Any, refusal: Any) -> None:
    code, message = refusal(
        create, "web", serviceRegistries=[{**registry, "containerName": "app", "containerPort": 80}]
    )
    assert code == "InvalidParameterException"
    assert message == (
        "The values specified for serviceRegistries do not require a value for 'containerPort'. Remove the value and "
        f"retry. Registry: {registry['registryArn']}"
    )
    cloud_map.delete_service(Id=registry["registryArn"].rpartition("/")[2])
    assert "not found" in refusal(create, "web", serviceRegistries=[registry])[1]


def test_a_registry_of_another_region_is_not_found(account: Any, create: Any, registry: Any, refusal: Any) -> None:
    there = registry["registryArn"].replace("us-east-1", "eu-west-1")
    assert "not found" in refusal(create, "web", serviceRegistries=[{"registryArn": there}])[1]


def test_a_service_scales_after_its_registry_was_deleted_but_is_not_deployed(
    create: Any, demo: Any, cloud_map: Any, registry: Any, refusal: Any
) -> None:
    create("web", serviceRegistries=[registry], desiredCount=0)
    cloud_map.delete_service(Id=registry["registryArn"].rpartition("/")[2])
    assert demo.update_service(cluster="demo", service="web", desiredCount=2)["service"]["desiredCount"] == 2
    forced = refusal(demo.update_service, cluster="demo", service="web", forceNewDeployment=True)
    assert "not found" in forced[1]


def test_more_tasks_than_service_discovery_takes_are_refused(
    create: Any, demo: Any, registry: Any, refusal: Any
) -> None:
    assert "at most 1000" in refusal(create, "web", serviceRegistries=[registry], desiredCount=1001)[1]
    create("web", serviceRegistries=[registry])
    assert "at most 1000" in refusal(demo.update_service, cluster="demo", service="web", desiredCount=1001)[1]


def test_a_task_set_has_registries_and_its_service_must_not(
    demo: Any, network: Any, registry: Any, refusal: Any
) -> None:
    service = {"cluster": "demo", "serviceName": "ext", "deploymentController": {"type": "EXTERNAL"}}
    assert refusal(demo.create_service, **service, serviceRegistries=[registry])[1] == "ServiceRegistries must be blank"
    demo.create_service(**service, desiredCount=1)
    where = {"cluster": "demo", "service": "ext"}
    made_from = {"taskDefinition": "api", "launchType": "FARGATE", "networkConfiguration": network}
    task_set = demo.create_task_set(**where, **made_from, serviceRegistries=[registry])["taskSet"]
    assert task_set["serviceRegistries"] == [registry]
    assert demo.describe_task_sets(**where)["taskSets"][0]["serviceRegistries"] == [registry]
    bad = [{**registry, "port": 80}]
    assert "'port'" in refusal(demo.create_task_set, **where, **made_from, serviceRegistries=bad)[1]


def test_what_ecs_keeps_cannot_be_changed_by_hand_and_holds_its_cloud_map_service(
    account: Any, create: Any, cloud_map: Any, registry: Any, refusal: Any
) -> None:
    service = create("web", serviceRegistries=[registry])
    srv = registry["registryArn"].rpartition("/")[2]
    task_id, address = "a" * 32, {"AWS_INSTANCE_IPV4": "100.64.0.9"}
    place = (account.id, "us-east-1", srv)
    created = service["createdAt"]
    kept = Instance(*place, task_id, address, created, task_id=task_id, healthy=True, owner=service["serviceArn"])
    account.write_records(kept)
    by_hand = {"ServiceId": srv, "InstanceId": task_id}
    managed = f"Instance {task_id} is managed by {service['serviceArn']}"
    assert managed in refusal(cloud_map.deregister_instance, **by_hand)[1]
    assert managed in refusal(cloud_map.register_instance, **by_hand, Attributes=address)[1]
    unhealthy = {**by_hand, "Status": "UNHEALTHY"}
    assert managed in refusal(cloud_map.update_instance_custom_health_status, **unhealthy)[1]
    assert refusal(cloud_map.delete_service, Id=srv)[0] == "ResourceInUse"
    assert cloud_map.get_instances_health_status(ServiceId=srv)["Status"] == {task_id: "HEALTHY"}
