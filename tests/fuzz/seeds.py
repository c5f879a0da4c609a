"""The World that every fuzzed request meets: one of each thing, made by the operations that a client would call."""

from typing import Any

import ec2
from fuzz.bodies import ACCOUNT, REGION, texts
from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import SupportTable
from moorage.domain.world import World
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds
from moorage.wire.message import Request, Response

PORT = {"name": "http", "containerPort": 8080, "appProtocol": "http"}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
CONNECT = {"enabled": True, "namespace": "shop", "services": [{"portName": "http", "clientAliases": [{"port": 80}]}]}
TEMPLATE = "Resources: {C: {Type: 'AWS::ECS::Cluster', Properties: {ClusterName: other}}}"

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("servicediscovery", "CreateHttpNamespace", {"Name": "shop"}),
    ("ecs", "CreateCluster", {"clusterName": "main"}),
    (
        "ecs",
        "RegisterTaskDefinition",
        {
            "family": "api",
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{"name": "app", "image": "app", "portMappings": [PORT]}],
        },
    ),
    (
        "ecs",
        "CreateService",
        {
            "cluster": "main",
            "serviceName": "api",
            "taskDefinition": "api",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
            "serviceConnectConfiguration": CONNECT,
        },
    ),
    ("ecs", "RunTask", {"cluster": "main", "taskDefinition": "api", "networkConfiguration": NETWORK}),
    ("ssm", "PutParameter", {"Name": "/shop/a", "Value": "1", "Type": "String"}),
    ("logs", "CreateLogGroup", {"logGroupName": "group"}),
    ("logs", "CreateLogStream", {"logGroupName": "group", "logStreamName": "stream"}),
    ("cloudformation", "CreateStack", {"StackName": "stack", "TemplateBody": TEMPLATE}),
    ("ecs", "ListTasks", {"cluster": "main"}),
    ("ecs", "DescribeServices", {"cluster": "main", "services": ["api"]}),
]
NAMES = ["shop", "main", "api", "api:1", "/shop/a", "group", "stream", "other", "cart", "i-1", "app", "http"]


def table(archive: SqliteLogEvents | None) -> SupportTable:
    """The whole support table. Without an archive it tells which operations there are; those of logs then fail."""
    return operations.table(archive or _NoArchive())


async def forward(service: str, request: Request) -> Response:
    """In the place of the support process: EC2's networks, and a KMS without any key."""
    if service == "ec2":
        return await ec2.forward(service, request)
    return Response(400, (), b'{"__type": "NotFoundException", "message": "There is no such key."}')


class _NoArchive:
    """In the place of an archive where nothing is performed."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the archive was asked for {name}")


async def seed(archive: SqliteLogEvents) -> tuple[World, list[str]]:
    """The World, and the names and ids that are in it."""
    store = MemoryStore()
    dispatcher = Dispatcher(table(archive), store, SystemClock(), SystemIds(), forward)
    known = list(NAMES)
    for service, operation, arguments in CALLS:
        output = await dispatcher.call(ACCOUNT, REGION, service, operation, arguments)
        await dispatcher.settle()
        known.extend(texts(output))
    known.extend(await _cloud_map(dispatcher))
    return store.snapshot(), sorted({text for text in known if 0 < len(text) < 400})


async def _cloud_map(dispatcher: Dispatcher) -> list[str]:
    async def call(operation: str, **arguments: Any) -> dict[str, Any]:
        output = await dispatcher.call(ACCOUNT, REGION, "servicediscovery", operation, arguments)
        await dispatcher.settle()
        return output

    namespace = (await call("ListNamespaces"))["Namespaces"][0]
    health = {"FailureThreshold": 1}
    service = await call("CreateService", Name="cart", NamespaceId=namespace["Id"], HealthCheckCustomConfig=health)
    identifier = service["Service"]["Id"]
    made = await call("RegisterInstance", ServiceId=identifier, InstanceId="i-1", Attributes={"a": "b"})
    return [*texts(namespace), *texts(service), *texts(made)]
