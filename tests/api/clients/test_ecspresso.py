"""The calls of ecspresso, in its order: deploy and wait, roll back, run a task to its end, scale, delete."""

from typing import Any

import pytest
from botocore.exceptions import WaiterError

FAST = {"Delay": 0.1, "MaxAttempts": 300}
CONTAINER = {"name": "app", "image": "api", "portMappings": [{"name": "http", "containerPort": 8080}]}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"]}}
SERVICE = {
    "desiredCount": 2,
    "launchType": "FARGATE",
    "networkConfiguration": NETWORK,
    "schedulingStrategy": "REPLICA",
    "enableECSManagedTags": True,
    "propagateTags": "TASK_DEFINITION",
}


class Tool:
    """One project of ecspresso: a service definition and a task definition."""

    def __init__(self, ecs: Any) -> None:
        self.ecs = ecs
        ecs.create_cluster(clusterName="demo")

    def register(self, image: str = "api", family: str = "api") -> str:
        answer = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            requiresCompatibilities=["FARGATE"],
            containerDefinitions=[{**CONTAINER, "image": image}],
            tags=[{"key": "image", "value": image}],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def describe(self) -> Any:
        answer = self.ecs.describe_services(cluster="demo", services=["api"], include=["TAGS"])
        return answer["services"][0] if answer["services"] else None

    def deploy(self, image: str) -> str:
        """Create where there is no service, else update; then wait until it is stable."""
        found = self.describe()
        definition = self.register(image)
        if found is None:
            self.ecs.create_service(cluster="demo", serviceName="api", taskDefinition=definition, **SERVICE)
        else:
            self.ecs.update_service(cluster="demo", service="api", taskDefinition=definition, forceNewDeployment=False)
        self.stable()
        return definition

    def stable(self) -> None:
        self.ecs.get_waiter("services_stable").wait(cluster="demo", services=["api"], WaiterConfig=FAST)

    def images(self) -> set[str]:
        arns = self.ecs.list_tasks(cluster="demo", serviceName="api")["taskArns"]
        tasks = self.ecs.describe_tasks(cluster="demo", tasks=arns, include=["TAGS"])["tasks"]
        return {tag["value"] for task in tasks for tag in task["tags"] if tag["key"] == "image"}


@pytest.fixture
def tool(clients: Any) -> Tool:
    return Tool(clients.ecs)


def test_a_project_is_deployed_compared_and_rolled_back(tool: Tool) -> None:
    first = tool.deploy("api")
    found = tool.describe()
    assert {name: found[name] for name in SERVICE if name != "networkConfiguration"} == {
        name: SERVICE[name] for name in SERVICE if name != "networkConfiguration"
    }
    assert found["events"][0]["message"] == "(service api) has reached a steady state."
    second = tool.deploy("api:2")
    assert (tool.describe()["taskDefinition"], tool.images()) == (second, {"api:2"})

    known = tool.ecs.list_task_definitions(familyPrefix="api", sort="DESC", status="ACTIVE")["taskDefinitionArns"]
    assert known == [second, first]
    tool.ecs.update_service(cluster="demo", service="api", taskDefinition=known[1])
    tool.stable()
    tool.ecs.deregister_task_definition(taskDefinition=second)
    assert (tool.describe()["taskDefinition"], tool.images()) == (first, {"api"})
    history = tool.ecs.list_service_deployments(cluster="demo", service="api")["serviceDeployments"]
    assert [each["status"] for each in history] == ["SUCCESSFUL"] * 3


def test_a_task_is_run_to_its_end_and_its_exit_code_read(tool: Tool) -> None:
    definition = tool.register("job", "job")
    answer = tool.ecs.run_task(
        cluster="demo", taskDefinition=definition, count=1, launchType="FARGATE", networkConfiguration=NETWORK
    )
    assert answer["failures"] == []
    arns = [task["taskArn"] for task in answer["tasks"]]
    tool.ecs.get_waiter("tasks_stopped").wait(cluster="demo", tasks=arns, WaiterConfig=FAST)
    (task,) = tool.ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"]
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert [container["exitCode"] for container in task["containers"]] == [3]


def test_a_service_is_scaled_and_deleted(tool: Tool) -> None:
    tool.deploy("api")
    tool.ecs.update_service(cluster="demo", service="api", desiredCount=1)
    tool.stable()
    assert tool.describe()["runningCount"] == 1
    tool.ecs.delete_service(cluster="demo", service="api", force=True)
    tool.ecs.get_waiter("services_inactive").wait(cluster="demo", services=["api"], WaiterConfig=FAST)
    with pytest.raises(WaiterError):
        tool.stable()
    assert tool.describe()["taskDefinition"].endswith(":1")


def test_a_deployment_that_goes_nowhere_is_stopped_and_the_old_tasks_stay(tool: Tool) -> None:
    first = tool.deploy("api")
    newer = tool.register("nowhere")
    tool.ecs.update_service(cluster="demo", service="api", taskDefinition=newer)
    (under_way,) = tool.ecs.list_service_deployments(cluster="demo", service="api", status=["IN_PROGRESS"])[
        "serviceDeployments"
    ]
    arn = under_way["serviceDeploymentArn"]
    tool.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    tool.stable()
    assert tool.describe()["taskDefinition"] == first
    (stopped,) = tool.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
    assert stopped["status"] == "ROLLBACK_SUCCESSFUL"
    assert stopped["rollback"]["serviceRevisionArn"] == tool.describe()["currentServiceRevisions"][0]["arn"]
