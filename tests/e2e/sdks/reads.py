"""Every read of what the scenario made, as bytes: the requests are put together here, so nothing parses the answers."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

ECS = "AmazonEC2ContainerServiceV20141113"
CLOUD_MAP = "Route53AutoNaming_v20170314"
LOGS = "Logs_20140328"
SSM = "AmazonSSM"
REQUEST_ID = re.compile(rb"<RequestId>[^<]*</RequestId>")


def reads(name: str, kept: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Target prefix, operation and input of each JSON read; `name`: the cluster's; `kept`: what its story kept."""
    yield from ((ECS, operation, body) for operation, body in _of_ecs(name, kept))
    yield from ((CLOUD_MAP, operation, body) for operation, body in _of_cloud_map(name, kept))
    yield SSM, "DescribeParameters", {}
    yield SSM, "GetParameters", {"Names": [f"/{name}/colour", "/none"]}
    yield SSM, "GetParameterHistory", {"Name": f"/{name}/colour"}
    yield LOGS, "DescribeLogGroups", {}


def _of_ecs(name: str, kept: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    cluster = {"cluster": name}
    arn = kept["service"]
    yield "ListClusters", {}
    yield "DescribeClusters", {"clusters": [name], "include": ["SETTINGS", "STATISTICS", "TAGS", "ATTACHMENTS"]}
    yield "ListServices", cluster
    yield "DescribeServices", {**cluster, "services": ["server", "none"], "include": ["TAGS"]}
    yield "ListTasks", cluster
    yield "ListTasks", {**cluster, "desiredStatus": "STOPPED"}
    yield "DescribeTasks", {**cluster, "tasks": kept["tasks"], "include": ["TAGS"]}
    yield "GetTaskProtection", {**cluster, "tasks": kept["tasks"]}
    yield "ListTaskDefinitions", {}
    yield "ListTaskDefinitionFamilies", {}
    yield "DescribeTaskDefinition", {"taskDefinition": name, "include": ["TAGS"]}
    yield "ListServicesByNamespace", {"namespace": f"{name}.local"}
    yield "ListServiceDeployments", {**cluster, "service": "server"}
    yield "ListTagsForResource", {"resourceArn": arn}
    yield "ListContainerInstances", cluster
    yield "ListAttributes", {**cluster, "targetType": "container-instance"}
    yield "ListAccountSettings", {"effectiveSettings": True}
    yield "DescribeCapacityProviders", {}


def _of_cloud_map(name: str, kept: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "ListNamespaces", {}
    yield "GetNamespace", {"Id": kept["namespace"]}
    yield "ListServices", {}
    yield "ListOperations", {}
    yield "GetOperation", {"OperationId": kept["operation"]}
    yield "DiscoverInstances", {"NamespaceName": f"{name}.local", "ServiceName": "server"}
    yield "DiscoverInstancesRevision", {"NamespaceName": f"{name}.local", "ServiceName": "server"}


def answers(url: str, name: str, kept: Mapping[str, Any]) -> dict[str, bytes]:
    """The body of each read by what was asked, and of those that they lead to: revisions, registered services…"""
    with httpx.Client(base_url=url) as client:

        def ask(prefix: str, operation: str, body: Mapping[str, Any]) -> bytes:
            headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": "application/x-amz-json-1.1"}
            answer = client.post("/", content=json.dumps(body), headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.content

        found = {f"{operation} {body}": ask(prefix, operation, body) for prefix, operation, body in reads(name, kept)}
        for prefix, operation, body in tuple(_led_to(name, found)):
            found[f"{operation} {body}"] = ask(prefix, operation, body)
        for action in ("ListStacks", "DescribeStacks", "DescribeStackEvents", "DescribeStackResources", "GetTemplate"):
            which = {} if action == "ListStacks" else {"StackName": name}
            form = urlencode({"Action": action, "Version": "2010-05-15", **which})
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = client.post("/", content=form, headers=headers)
            assert answer.status_code == 200, answer.text
            found[action] = REQUEST_ID.sub(b"", answer.content)
        return found


def _led_to(cluster: str, found: Mapping[str, bytes]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    deployments = next(json.loads(body) for asked, body in found.items() if asked.startswith("ListServiceDeployments"))
    arns = [one["serviceDeploymentArn"] for one in deployments["serviceDeployments"]]
    yield ECS, "DescribeServiceDeployments", {"serviceDeploymentArns": arns}
    revisions = [one["targetServiceRevisionArn"] for one in deployments["serviceDeployments"]]
    yield ECS, "DescribeServiceRevisions", {"serviceRevisionArns": revisions}
    instances = next(json.loads(body) for asked, body in found.items() if asked.startswith("ListContainerInstances"))
    if arns := instances["containerInstanceArns"]:
        yield ECS, "DescribeContainerInstances", {"cluster": cluster, "containerInstances": arns}
    registered = next(body for asked, body in found.items() if asked == "ListServices {}")
    for service in json.loads(registered)["Services"]:
        yield CLOUD_MAP, "GetService", {"Id": service["Id"]}
        yield CLOUD_MAP, "ListInstances", {"ServiceId": service["Id"]}
        yield CLOUD_MAP, "GetInstancesHealthStatus", {"ServiceId": service["Id"]}
