"""ECS service discovery as Terraform applies and destroys it, and as the CDK and Copilot have it in their templates.

Orders: docs/reference/service-connect.md section 8. The CDK's `cloudMapOptions` make A records without a port, its
`enableCloudMap` for SRV records names container and port; Copilot makes both records and names the port alone.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}
DNS = {"DnsRecords": [{"Type": "A", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"}
NAMED = {"ContainerName": "app", "ContainerPort": 8080}


def finished(clients: Any, until: Callable[..., Any], operation: str) -> Any:
    ask = clients.servicediscovery.get_operation
    return until(lambda: ask(OperationId=operation)["Operation"], lambda found: found["Status"] == "SUCCESS")


def instances(clients: Any, name: str) -> list[dict[str, str]]:
    found = clients.servicediscovery.discover_instances(NamespaceName="sd.local", ServiceName=name)
    return [each["Attributes"] for each in found["Instances"]]


def test_terraform_applies_reads_changes_and_destroys(clients: Any, until: Any) -> None:
    ecs, registry = clients.ecs, clients.servicediscovery
    made = registry.create_private_dns_namespace(Name="sd.local", Vpc="vpc-1", CreatorRequestId="terraform-1")
    namespace = finished(clients, until, made["OperationId"])["Targets"]["NAMESPACE"]
    dns = {**DNS, "NamespaceId": namespace}
    health = {"FailureThreshold": 1}
    made = registry.create_service(Name="api", DnsConfig=dns, HealthCheckCustomConfig=health)["Service"]
    read = registry.get_service(Id=made["Id"])["Service"]
    assert (read["DnsConfig"], read["HealthCheckCustomConfig"]) == (dns, health)
    ecs.create_cluster(clusterName="demo")
    container = {"name": "app", "image": "api", "essential": True, "portMappings": [{"containerPort": 8080}]}
    fargate = {"networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"]}
    ecs.register_task_definition(family="api", containerDefinitions=[container], **fargate)
    registries = [{"registryArn": made["Arn"]}]
    ecs.create_service(
        cluster="demo",
        serviceName="api",
        taskDefinition="api",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
        serviceRegistries=registries,
    )

    def service() -> Any:
        return ecs.describe_services(cluster="demo", services=["api"])["services"][0]

    def steady() -> Any:
        return until(service, lambda found: len(found["deployments"]) == 1 and found["runningCount"] == 2)

    assert steady()["serviceRegistries"] == registries
    until(lambda: instances(clients, "api"), lambda found: len(found) == 2)
    without = ecs.update_service(cluster="demo", service="api", serviceRegistries=[])["service"]
    assert len(without["deployments"]) == 2
    assert steady()["serviceRegistries"] == []
    until(lambda: instances(clients, "api"), lambda found: not found)
    ecs.update_service(cluster="demo", service="api", serviceRegistries=registries)
    until(lambda: instances(clients, "api"), lambda found: len(found) == 2)

    ecs.update_service(cluster="demo", service="api", desiredCount=0)
    ecs.delete_service(cluster="demo", service="api", force=True)
    until(service, lambda found: found["status"] == "INACTIVE")
    registry.delete_service(Id=made["Id"])  # at once: nothing may be left in it
    finished(clients, until, registry.delete_namespace(Id=namespace)["OperationId"])


def template(records: list[str], member: dict[str, Any]) -> dict[str, Any]:
    dns = {"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"TTL": 60, "Type": each} for each in records]}
    namespace = {"Fn::GetAtt": ["Namespace", "Id"]}
    fargate = {"NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"], "Cpu": "256", "Memory": "512"}
    container = {"Name": "app", "Image": "api", "PortMappings": [{"ContainerPort": 8080, "Protocol": "tcp"}]}
    resources = {
        "Namespace": ("ServiceDiscovery::PrivateDnsNamespace", {"Name": "sd.local", "Vpc": "vpc-1"}),
        "Discovery": (
            "ServiceDiscovery::Service",
            {
                "Name": "api",
                "NamespaceId": namespace,
                "DnsConfig": {**dns, "NamespaceId": namespace},
                "HealthCheckCustomConfig": {"FailureThreshold": 1},
            },
        ),
        "Cluster": ("ECS::Cluster", {"ClusterName": "demo"}),
        "Task": ("ECS::TaskDefinition", {"Family": "api", "ContainerDefinitions": [container], **fargate}),
        "Service": (
            "ECS::Service",
            {
                "Cluster": {"Ref": "Cluster"},
                "ServiceName": "api",
                "TaskDefinition": {"Ref": "Task"},
                "DesiredCount": 1,
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-a"]}},
                "ServiceRegistries": [{"RegistryArn": {"Fn::GetAtt": ["Discovery", "Arn"]}, **member}],
            },
        ),
    }
    return {
        "Resources": {
            name: {"Type": f"AWS::{kind}", "Properties": properties} for name, (kind, properties) in resources.items()
        }
    }


@pytest.mark.parametrize(
    ("records", "member", "port"),
    [(["A"], {}, None), (["SRV"], NAMED, "8080"), (["A", "SRV"], {"Port": 8080}, "8080")],
    ids=["cdk-a", "cdk-srv", "copilot"],
)
def test_a_template_is_deployed_and_deleted(
    clients: Any, until: Any, records: list[str], member: dict[str, Any], port: str | None
) -> None:
    stacks = clients.cloudformation

    def ended() -> str:
        found = stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return "" if found.endswith("IN_PROGRESS") else str(found)

    stack = stacks.create_stack(StackName="discovered", TemplateBody=json.dumps(template(records, member)))["StackId"]
    assert until(ended, bool) == "CREATE_COMPLETE"
    (registered,) = until(lambda: instances(clients, "api"), lambda found: len(found) == 1)
    assert registered.get("AWS_INSTANCE_PORT") == port
    stacks.delete_stack(StackName="discovered")
    assert until(ended, bool) == "DELETE_COMPLETE"
    assert clients.servicediscovery.list_namespaces()["Namespaces"] == []
