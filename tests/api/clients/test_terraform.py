"""The calls of Terraform's AWS provider, in its order: apply, a second plan without drift, a change, destroy.

Order and retried errors: docs/reference/service-connect.md section 8.2. What is asserted is what the provider reads.
"""

from collections.abc import Callable
from typing import Any

import pytest

TAGS = [{"key": "team", "value": "a"}]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}
BREAKER = {"enable": True, "rollback": True}
DEPLOYMENT = {"maximumPercent": 200, "minimumHealthyPercent": 100, "deploymentCircuitBreaker": BREAKER}
CONTAINER = {
    "name": "app",
    "image": "api",
    "essential": True,
    "portMappings": [{"name": "http", "containerPort": 8080, "appProtocol": "http"}],
}
ALIAS = {"port": 80, "dnsName": "api"}


class Plan:
    """One configuration: namespace, cluster, task definition and service, as the provider applies and reads them."""

    def __init__(self, clients: Any, until: Callable[..., Any]) -> None:
        self.ecs, self.map, self.sts = clients.ecs, clients.servicediscovery, clients.sts
        self.until = until

    def apply(self) -> None:
        assert self.sts.get_caller_identity()["Account"]
        operation = self.map.create_http_namespace(Name="demo", CreatorRequestId="terraform-1")["OperationId"]
        self.namespace = self._finished(operation)["Targets"]["NAMESPACE"]
        arn = self.map.get_namespace(Id=self.namespace)["Namespace"]["Arn"]
        self.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": arn}, tags=TAGS)
        self.until(self.cluster, lambda found: found["status"] == "ACTIVE")
        self.definition = self.register("api")
        self.ecs.create_service(
            cluster="demo",
            serviceName="api",
            taskDefinition=self.definition,
            desiredCount=2,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            deploymentConfiguration=DEPLOYMENT,
            serviceConnectConfiguration={"enabled": True, "services": [{"portName": "http", "clientAliases": [ALIAS]}]},
            tags=TAGS,
        )
        self.steady()

    def register(self, image: str) -> str:
        answer = self.ecs.register_task_definition(
            family="api",
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{**CONTAINER, "image": image}],
            tags=TAGS,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def cluster(self) -> Any:
        include = ["TAGS", "CONFIGURATIONS", "SETTINGS"]
        return self.ecs.describe_clusters(clusters=["demo"], include=include)["clusters"][0]

    def service(self) -> Any:
        return self.ecs.describe_services(cluster="demo", services=["api"], include=["TAGS"])["services"][0]

    def steady(self) -> Any:
        """wait_for_steady_state: one deployment, and as many tasks as desired."""
        return self.until(
            self.service,
            lambda found: len(found["deployments"]) == 1 and found["runningCount"] == found["desiredCount"],
        )

    def read(self) -> dict[str, Any]:
        """What a plan refreshes, without what moves by itself."""
        service = self.service()
        moving = ("events", "deployments", "currentServiceRevisions")
        definition = self.ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
        arn = self.map.get_namespace(Id=self.namespace)["Namespace"]["Arn"]
        return {
            "cluster": self.cluster(),
            "service": {name: value for name, value in service.items() if name not in moving},
            "definition": {name: definition[name] for name in ("taskDefinition", "tags")},
            "namespace": self.map.get_namespace(Id=self.namespace)["Namespace"],
            "tags": self.map.list_tags_for_resource(ResourceARN=arn)["Tags"],
        }

    def destroy(self) -> None:
        self.ecs.update_service(cluster="demo", service="api", desiredCount=0)
        self.retried(lambda: self.ecs.delete_service(cluster="demo", service="api"), "deployments are active")
        self.until(self.service, lambda found: found["status"] == "INACTIVE")
        self.ecs.deregister_task_definition(taskDefinition=self.definition)
        self.retried(lambda: self.ecs.delete_cluster(cluster="demo"), "cannot be deleted while")
        assert self.cluster()["status"] == "INACTIVE"
        self._finished(self.map.delete_namespace(Id=self.namespace)["OperationId"])

    def retried(self, call: Callable[[], Any], sentence: str) -> None:
        """Call again while the refusal is the one that the provider knows to pass."""

        def attempt() -> str:
            try:
                call()
            except self.ecs.exceptions.ClientError as error:
                assert sentence in str(error)
                return str(error)
            return ""

        self.until(attempt, lambda refused: not refused)

    def _finished(self, operation: str) -> Any:
        def ask() -> Any:
            return self.map.get_operation(OperationId=operation)["Operation"]

        return self.until(ask, lambda found: found["Status"] == "SUCCESS")


@pytest.fixture
def plan(clients: Any, until: Callable[..., Any]) -> Plan:
    made = Plan(clients, until)
    made.apply()
    return made


def test_a_second_plan_finds_what_was_applied_and_no_drift(plan: Plan) -> None:
    found = plan.read()
    service, definition = found["service"], found["definition"]["taskDefinition"]
    assert (service["status"], service["desiredCount"], service["launchType"]) == ("ACTIVE", 2, "FARGATE")
    assert service["taskDefinition"] == plan.definition
    assert service["networkConfiguration"] == NETWORK
    assert {name: service["deploymentConfiguration"][name] for name in DEPLOYMENT} == DEPLOYMENT
    assert (service["loadBalancers"], service["serviceRegistries"]) == ([], [])
    assert service["deploymentController"] == {"type": "ECS"}
    assert (service["propagateTags"], service["enableECSManagedTags"]) == ("NONE", False)
    assert service["tags"] == found["cluster"]["tags"] == found["definition"]["tags"] == TAGS
    container = definition["containerDefinitions"][0]
    assert {name: container[name] for name in ("name", "image", "essential")} == {
        name: CONTAINER[name] for name in ("name", "image", "essential")
    }
    assert (definition["cpu"], definition["memory"], definition["networkMode"]) == ("256", "512", "awsvpc")
    assert found["cluster"]["serviceConnectDefaults"]["namespace"] == found["namespace"]["Arn"]
    assert found["cluster"]["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert plan.read() == found


def test_a_changed_image_is_rolled_out_and_then_there_is_no_drift(plan: Plan) -> None:
    newer = plan.register("api:2")
    plan.ecs.update_service(cluster="demo", service="api", taskDefinition=newer)
    plan.ecs.deregister_task_definition(taskDefinition=plan.definition)
    assert plan.steady()["taskDefinition"] == newer
    found = plan.read()
    assert found["service"]["runningCount"] == 2
    assert plan.read() == found


def test_destroy_leaves_nothing(plan: Plan) -> None:
    plan.destroy()
    assert plan.ecs.list_services(cluster="demo")["serviceArns"] == []
    assert plan.map.list_namespaces()["Namespaces"] == []
    assert plan.ecs.list_task_definitions(familyPrefix="api")["taskDefinitionArns"] == []
