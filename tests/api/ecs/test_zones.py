"""Subnets and security groups must exist; a task gets one of the subnets, and with it an availability zone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from moorage.domain.network import Subnet
from moorage.domain.service import Deployment, Service
from moorage.planning import service_plan
from moorage.system import SystemClock, SystemIds


def network(*subnets: str, groups: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": list(subnets), "securityGroups": list(groups)}}


MISTAKES = {
    "subnet": (
        network("subnet-a", "subnet-missing"),
        "Error retrieving subnet information for [subnet-a, subnet-missing]: The subnet ID 'subnet-missing' does not "
        "exist (ErrorCode: InvalidSubnetID.NotFound)",
    ),
    "group": (
        network("subnet-a", groups=("sg-missing",)),
        "Error retrieving security group information for [sg-missing]: The security group 'sg-missing' does not exist "
        "(ErrorCode: InvalidGroup.NotFound)",
    ),
    "group of another VPC": (
        network("subnet-a", groups=("sg-other",)),
        "Security Group sg-other does not appear to belong to the same VPC as the input subnets.",
    ),
    "two VPCs": (network("subnet-a", "subnet-other-b"), "Subnets must all be in the same VPC."),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_create_service_refuses_a_network_that_is_not_there(
    create: Callable[..., Any], refusal: Callable[..., tuple[str, str]], mistake: str
) -> None:
    given, message = MISTAKES[mistake]
    assert refusal(create, networkConfiguration=given) == ("InvalidParameterException", message)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_run_task_refuses_a_network_that_is_not_there(
    demo: Any, refusal: Callable[..., tuple[str, str]], mistake: str
) -> None:
    given, message = MISTAKES[mistake]
    asked = {"cluster": "demo", "taskDefinition": "api", "launchType": "FARGATE", "networkConfiguration": given}
    assert refusal(demo.run_task, **asked) == ("InvalidParameterException", message)


def test_an_update_to_a_network_that_is_not_there_changes_nothing(
    demo: Any, create: Callable[..., Any], refusal: Callable[..., tuple[str, str]]
) -> None:
    create(networkConfiguration=network("subnet-a"))
    given, message = MISTAKES["subnet"]
    asked = {"cluster": "demo", "service": "api", "networkConfiguration": given}
    assert refusal(demo.update_service, **asked) == ("InvalidParameterException", message)
    [service] = demo.describe_services(cluster="demo", services=["api"])["services"]
    assert service["deployments"][0]["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-a"]
    assert len(service["deployments"]) == 1


def test_tasks_that_are_run_together_are_spread_over_the_zones(demo: Any) -> None:
    made = demo.run_task(
        cluster="demo",
        taskDefinition="api",
        launchType="FARGATE",
        count=4,
        networkConfiguration=network("subnet-1a", "subnet-2b", "subnet-3b"),
    )["tasks"]
    described = demo.describe_tasks(cluster="demo", tasks=[task["taskArn"] for task in made])["tasks"]
    assert Counter(task["availabilityZone"] for task in described) == {"us-east-1a": 2, "us-east-1b": 2}
    interfaces = [task["attachments"][0]["details"] for task in described]
    subnets = Counter(detail["value"] for details in interfaces for detail in details if detail["name"] == "subnetId")
    assert subnets == {"subnet-1a": 2, "subnet-2b": 1, "subnet-3b": 1}


def test_the_tasks_of_a_service_are_spread_over_its_subnets_zones(
    account: Any, create: Callable[..., Any], demo: Any
) -> None:
    create(desiredCount=2, networkConfiguration=network("subnet-1c", "subnet-2a"))
    world = account.world()
    [service] = [each for each in world.all(Service) if each.account == account.id]
    [deployment] = world.linked(Deployment, "service", service.key)
    assert deployment.subnets == (
        Subnet("subnet-1c", "us-east-1c", "vpc-1"),
        Subnet("subnet-2a", "us-east-1a", "vpc-1"),
    )
    plan = service_plan.plan(service, world, SystemClock().now(), SystemIds())
    account.write(*plan.writes)
    tasks = demo.describe_tasks(cluster="demo", tasks=demo.list_tasks(cluster="demo")["taskArns"])["tasks"]
    assert sorted(task["availabilityZone"] for task in tasks) == ["us-east-1a", "us-east-1c"]


def test_an_update_that_says_nothing_of_the_network_keeps_the_zones(
    account: Any, create: Callable[..., Any], demo: Any
) -> None:
    create(networkConfiguration=network("subnet-1c"))
    demo.update_service(cluster="demo", service="api", forceNewDeployment=True)
    deployments = [each for each in account.world().all(Deployment) if each.account == account.id]
    assert [each.subnets for each in deployments] == [(Subnet("subnet-1c", "us-east-1c", "vpc-1"),)] * 2
