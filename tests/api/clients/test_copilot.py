"""What Copilot's template for a service asks of CloudFormation: Service Connect off, then on, by its names.

Copilot calls the port `target`, the discovery name `<service>-sc` and the alias as the service, and turns the circuit
breaker on. Its environment's private DNS namespace and load balancers are left to tests of their own.
"""

import json
from typing import Any

import pytest

CLUSTER = "app-test"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "WorkloadName": {"Type": "String"},
        "TaskCount": {"Type": "Number", "Default": 1},
        "ServiceConnect": {"Type": "String", "Default": "false"},
    },
    "Conditions": {"Connected": {"Fn::Equals": [{"Ref": "ServiceConnect"}, "true"]}},
    "Resources": {
        "TaskDefinition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": {"Fn::Join": ["-", ["app", "test", {"Ref": "WorkloadName"}]]},
                "NetworkMode": "awsvpc",
                "RequiresCompatibilities": ["FARGATE"],
                "Cpu": "256",
                "Memory": "512",
                "ContainerDefinitions": [
                    {
                        "Name": {"Ref": "WorkloadName"},
                        "Image": "api",
                        "Environment": [{"Name": "COPILOT_SERVICE_NAME", "Value": {"Ref": "WorkloadName"}}],
                        "PortMappings": [{"ContainerPort": 8080, "Protocol": "tcp", "Name": "target"}],
                    }
                ],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "Cluster": CLUSTER,
                "TaskDefinition": {"Ref": "TaskDefinition"},
                "DesiredCount": {"Ref": "TaskCount"},
                "DeploymentConfiguration": {
                    "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
                    "MinimumHealthyPercent": 100,
                    "MaximumPercent": 200,
                },
                "PropagateTags": "SERVICE",
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {
                    "AwsvpcConfiguration": {
                        "AssignPublicIp": "ENABLED",
                        "Subnets": ["subnet-a", "subnet-b"],
                        "SecurityGroups": ["sg-1"],
                    }
                },
                "ServiceConnectConfiguration": {
                    "Fn::If": [
                        "Connected",
                        {
                            "Enabled": True,
                            "Namespace": "test.app.local",
                            "Services": [
                                {
                                    "PortName": "target",
                                    "DiscoveryName": {"Fn::Join": ["-", [{"Ref": "WorkloadName"}, "sc"]]},
                                    "ClientAliases": [{"Port": 8080, "DnsName": {"Ref": "WorkloadName"}}],
                                }
                            ],
                        },
                        {"Enabled": False},
                    ]
                },
            },
        },
    },
    "Outputs": {"ServiceArn": {"Value": {"Ref": "Service"}}},
}


@pytest.fixture
def environment(clients: Any) -> Any:
    """The cluster and the namespace of `copilot env init`."""
    clients.servicediscovery.create_http_namespace(Name="test.app.local")
    clients.ecs.create_cluster(clusterName=CLUSTER)
    return clients


def given(connected: bool) -> list[dict[str, str]]:
    values = {"WorkloadName": "api", "ServiceConnect": str(connected).lower()}
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def test_a_service_is_deployed_without_and_then_with_service_connect(environment: Any, until: Any) -> None:
    stacks, ecs = environment.cloudformation, environment.ecs

    def stack() -> Any:
        return stacks.describe_stacks(StackName="app-test-api")["Stacks"][0]

    def settled() -> Any:
        return until(stack, lambda found: not found["StackStatus"].endswith("IN_PROGRESS"))

    def service() -> Any:
        (output,) = stack()["Outputs"]
        return ecs.describe_services(cluster=CLUSTER, services=[output["OutputValue"]])["services"][0]

    body = json.dumps(TEMPLATE)
    stacks.create_stack(StackName="app-test-api", TemplateBody=body, Parameters=given(False))
    assert settled()["StackStatus"] == "CREATE_COMPLETE"
    deployment = service()["deployments"][0]
    assert (deployment["serviceConnectConfiguration"], deployment["rolloutState"]) == ({"enabled": False}, "COMPLETED")

    stacks.update_stack(StackName="app-test-api", TemplateBody=body, Parameters=given(True))
    assert settled()["StackStatus"] == "UPDATE_COMPLETE"
    deployment = service()["deployments"][0]
    assert deployment["serviceConnectResources"][0]["discoveryName"] == "api-sc"
    (exposed,) = deployment["serviceConnectConfiguration"]["services"]
    assert exposed["clientAliases"] == [{"port": 8080, "dnsName": "api"}]

    found = environment.servicediscovery.discover_instances(NamespaceName="test.app.local", ServiceName="api-sc")
    assert [each["Attributes"]["AWS_INSTANCE_PORT"] for each in found["Instances"]] == ["8080"]

    stacks.delete_stack(StackName="app-test-api")
    until(lambda: ecs.list_services(cluster=CLUSTER)["serviceArns"], lambda arns: arns == [])
    until(
        lambda: environment.servicediscovery.list_services()["Services"],
        lambda services: services == [],
    )
