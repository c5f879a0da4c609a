"""One scenario for every tool, as data: what is asked, in which order, and what is kept for later steps.

`{tool}` in an input is the tool's own name, so that tools can run side by side; `$name` is what an earlier step kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jmespath
from botocore.model import OperationModel, Shape
from botocore.session import Session


@dataclass(frozen=True)
class Step:
    """A call. `keep`: name to JMESPath into the output; `until`: asked again until this JMESPath is true."""

    service: str
    operation: str
    input: Mapping[str, Any] = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    until: str = ""
    error: str = ""
    waiter: bool = False

    @property
    def title(self) -> str:
        return f"{self.service} {self.operation}"


CLUSTER = {"cluster": "{tool}"}
SERVICE = {**CLUSTER, "services": ["server"]}
TEMPLATE = """
Parameters: {Name: {Type: String}}
Resources:
  Space:
    Type: AWS::ServiceDiscovery::HttpNamespace
    Properties: {Name: !Sub "${Name}.stack"}
Outputs:
  Space: {Value: !GetAtt Space.Arn}
"""
STEADY = "services[0].deployments[0].rolloutState == 'COMPLETED' && contains(services[0].events[0].message, 'steady')"
CONNECT = {
    "enabled": True,
    "services": [{"portName": "web", "discoveryName": "server", "clientAliases": [{"port": 80, "dnsName": "server"}]}],
}
DEFINITION = {
    "family": "{tool}",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [
        {
            "name": "app",
            "image": "probe",
            "essential": True,
            "portMappings": [{"name": "web", "containerPort": 5000, "appProtocol": "http"}],
            "environment": [{"name": "COLOUR", "value": "blue"}],
        }
    ],
}
CREATION = {
    **CLUSTER,
    "serviceName": "server",
    "taskDefinition": "{tool}",
    "desiredCount": 1,
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["$subnet"]}},
    "serviceConnectConfiguration": CONNECT,
    "tags": [{"key": "owner", "value": "{tool}"}],
    "propagateTags": "SERVICE",
    "enableECSManagedTags": True,
}

MADE = (
    Step("sts", "GetCallerIdentity"),
    Step("ec2", "DescribeSubnets", keep={"subnet": "sort_by(Subnets, &AvailabilityZone)[0].SubnetId"}),
    Step("servicediscovery", "CreateHttpNamespace", {"Name": "{tool}.local"}, keep={"operation": "OperationId"}),
    Step(
        "servicediscovery",
        "GetOperation",
        {"OperationId": "$operation"},
        keep={"namespace": "Operation.Targets.NAMESPACE"},
        until="Operation.Status == 'SUCCESS'",
    ),
    Step("ecs", "CreateCluster", {"clusterName": "{tool}", "serviceConnectDefaults": {"namespace": "{tool}.local"}}),
    Step("ecs", "RegisterTaskDefinition", DEFINITION),
    Step("ecs", "CreateService", CREATION, keep={"service": "service.serviceArn"}),
    # The waiters' first question comes when its answer is there: the CLI asks again only after 15 or 30 seconds.
    Step("ecs", "DescribeServices", {**SERVICE, "include": ["TAGS"]}, until=STEADY),
    Step("ecs", "ServicesStable", SERVICE, waiter=True),
    Step("ecs", "ListTasks", {**CLUSTER, "serviceName": "server"}, keep={"tasks": "taskArns"}),
    Step("ecs", "TasksRunning", {**CLUSTER, "tasks": "$tasks"}, waiter=True),
    Step("ecs", "DescribeTasks", {**CLUSTER, "tasks": "$tasks", "include": ["TAGS"]}),
    Step("ecs", "DescribeClusters", {"clusters": ["{tool}"], "include": ["STATISTICS", "TAGS"]}),
    Step("ecs", "ListServicesByNamespace", {"namespace": "{tool}.local"}),
    Step("ecs", "TagResource", {"resourceArn": "$service", "tags": [{"key": "colour", "value": "blue"}]}),
    Step("ecs", "ListTagsForResource", {"resourceArn": "$service"}),
    Step(
        "servicediscovery",
        "DiscoverInstances",
        {"NamespaceName": "{tool}.local", "ServiceName": "server"},
        until="length(Instances) == `1`",
    ),
    Step("servicediscovery", "DiscoverInstancesRevision", {"NamespaceName": "{tool}.local", "ServiceName": "server"}),
    Step("ssm", "PutParameter", {"Name": "/{tool}/colour", "Type": "String", "Value": "blue"}),
    Step("ssm", "GetParameter", {"Name": "/{tool}/colour"}),
    Step("logs", "CreateLogGroup", {"logGroupName": "/{tool}"}),
    Step("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/{tool}"}),
    Step("secretsmanager", "CreateSecret", {"Name": "{tool}", "SecretString": "quiet"}),
    Step("secretsmanager", "GetSecretValue", {"SecretId": "{tool}"}),
    Step(
        "cloudwatch",
        "PutMetricAlarm",
        {
            "AlarmName": "{tool}",
            "Namespace": "Mine",
            "MetricName": "Load",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    ),
    Step("cloudwatch", "DescribeAlarms", {"AlarmNames": ["{tool}"]}),
    Step(
        "cloudformation",
        "CreateStack",
        {
            "StackName": "{tool}",
            "TemplateBody": TEMPLATE,
            "Parameters": [{"ParameterKey": "Name", "ParameterValue": "{tool}"}],
        },
        keep={"stack": "StackId"},
    ),
    Step(
        "cloudformation", "DescribeStacks", {"StackName": "{tool}"}, until="Stacks[0].StackStatus == 'CREATE_COMPLETE'"
    ),
    Step("cloudformation", "StackCreateComplete", {"StackName": "{tool}"}, waiter=True),
)

REFUSED = (
    Step("ecs", "UpdateService", {**CLUSTER, "service": "none"}, error="ServiceNotFoundException"),
    Step("ecs", "ListTasks", {"cluster": "none"}, error="ClusterNotFoundException"),
    Step("ecs", "DescribeTaskDefinition", {"taskDefinition": "none"}, error="ClientException"),
    Step(
        "ecs", "CreateService", {**CREATION, "serviceName": "x", "desiredCount": -1}, error="InvalidParameterException"
    ),
    Step(
        "servicediscovery",
        "DiscoverInstances",
        {"NamespaceName": "{tool}.local", "ServiceName": "none"},
        error="ServiceNotFound",
    ),
    Step("ssm", "GetParameter", {"Name": "/none"}, error="ParameterNotFound"),
    Step("cloudformation", "DescribeStacks", {"StackName": "none"}, error="ValidationError"),
    Step("secretsmanager", "GetSecretValue", {"SecretId": "none"}, error="ResourceNotFoundException"),
)

UNMADE = (
    Step("cloudformation", "DeleteStack", {"StackName": "{tool}"}),
    Step(
        "cloudformation", "DescribeStacks", {"StackName": "$stack"}, until="Stacks[0].StackStatus == 'DELETE_COMPLETE'"
    ),
    Step("cloudformation", "StackDeleteComplete", {"StackName": "{tool}"}, waiter=True),
    Step("ecs", "DeleteService", {**CLUSTER, "service": "server", "force": True}),
    Step("ecs", "DescribeServices", SERVICE, until="services[0].status == 'INACTIVE'"),
    Step("ecs", "ServicesInactive", SERVICE, waiter=True),
    Step("ecs", "DescribeTasks", {**CLUSTER, "tasks": "$tasks"}, until="tasks[0].lastStatus == 'STOPPED'"),
    Step("ecs", "TasksStopped", {**CLUSTER, "tasks": "$tasks"}, waiter=True),
    Step("ecs", "DeregisterTaskDefinition", {"taskDefinition": "{tool}:1"}),
    Step("ecs", "DeleteCluster", CLUSTER),
    Step("ecs", "DescribeClusters", {"clusters": ["{tool}", "none"]}),
    Step("servicediscovery", "DeleteService", {"Id": "none"}, error="ServiceNotFound"),
)


def filled(value: Any, tool: str, kept: Mapping[str, Any]) -> Any:
    """An input with the tool's name and what was kept put in."""
    if isinstance(value, Mapping):
        return {name: filled(inner, tool, kept) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, tool, kept) for inner in value]
    if isinstance(value, str) and value.startswith("$"):
        return kept[value[1:]]
    return value.replace("{tool}", tool) if isinstance(value, str) else value


IDS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{32}(-\d+)?\b"), "ID"),
    (re.compile(r"(ecs-service-connect-)\w{5}\b"), r"\1ID"),
    (re.compile(r"(:secret:\w+-)\w{6}\b"), r"\1ID"),
    (re.compile(r"\b[0-9a-z]{32}-[0-9a-z]{8}\b"), "OPERATION"),
    (re.compile(r"\b(ns|srv|eni|subnet|sg|vpc)-[0-9a-z]{8,}"), r"\1-ID"),
    (re.compile(r"(ecs-svc/|service-(?:revision|deployment)/\S+/)\d+"), r"\1ID"),
    (re.compile(r"\b100\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"(([0-9a-f]{2}:){5}[0-9a-f]{2})"), "MAC"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(\+0000|Z)"), "TIME"),
)


@dataclass(frozen=True)
class Reader:
    """Answers made equal where two tools may differ: names of their own, ids, times."""

    session: Session

    def model(self, step: Step) -> OperationModel:
        return self.session.get_service_model(step.service).operation_model(step.operation)

    def read(self, step: Step, tool: str, output: Any) -> Any:
        return self._read(self.model(step).output_shape, tool, output)

    def _read(self, shape: Shape | None, tool: str, value: Any) -> Any:
        if shape is None or value is None:
            return None
        if shape.type_name == "structure":
            return {
                name: found
                for name, inner in value.items()
                if name in shape.members
                and (found := self._read(shape.members[name], tool, inner)) not in (None, [], {})
            }
        if shape.type_name == "list":
            return [self._read(shape.member, tool, inner) for inner in value]
        if shape.type_name == "timestamp" or shape.name == "Timestamp":
            return "TIME"
        return self.plain(value, tool)

    @staticmethod
    def plain(value: Any, tool: str) -> Any:
        return _plain(value, tool)


def _plain(value: Any, tool: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner, tool) for name, inner in value.items()}
    if isinstance(value, datetime):
        return "TIME"
    if not isinstance(value, str):
        return value
    for pattern, word in IDS:
        value = pattern.sub(word, value)
    return re.sub(rf"\b{tool}\b", "TOOL", value)


def chosen(expression: str, output: Any) -> Any:
    return jmespath.search(expression, output)
