"""Capacity providers, by a real client: those of AWS, and those of one's own."""

from collections import Counter
from typing import Any

import pytest

GROUP = "arn:aws:autoscaling:us-east-1:111122223333:autoScalingGroup:1:autoScalingGroupName/workers"


@pytest.fixture
def mine(ecs: Any) -> Any:
    return ecs.create_capacity_provider(name="mine", autoScalingGroupProvider={"autoScalingGroupArn": GROUP})


def names(ecs: Any, **asked: Any) -> list[str]:
    return [each["name"] for each in ecs.describe_capacity_providers(**asked)["capacityProviders"]]


def test_those_of_fargate_are_there_from_the_beginning(account: Any, ecs: Any) -> None:
    assert names(ecs) == ["FARGATE", "FARGATE_SPOT"]
    found = ecs.describe_capacity_providers(capacityProviders=["FARGATE", "none"])
    assert [each["status"] for each in found["capacityProviders"]] == ["ACTIVE"]
    arn = f"arn:aws:ecs:us-east-1:{account.id}:capacity-provider/none"
    assert found["failures"] == [{"arn": arn, "reason": "MISSING"}]


def test_one_of_ones_own_is_described_with_the_defaults_of_its_scaling(ecs: Any, mine: Any) -> None:
    made = mine["capacityProvider"]
    assert (made["status"], made["type"], made["updateStatus"]) == ("ACTIVE", "EC2_AUTOSCALING", "CREATE_COMPLETE")
    assert made["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 100
    assert ecs.describe_capacity_providers(capacityProviders=[made["capacityProviderArn"]])["capacityProviders"] == [
        made
    ]


def test_an_update_changes_what_it_names(ecs: Any, mine: Any) -> None:
    changed = {"managedScaling": {"targetCapacity": 80}}
    updated = ecs.update_capacity_provider(name="mine", autoScalingGroupProvider=changed)["capacityProvider"]
    assert updated["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 80
    assert updated["autoScalingGroupProvider"]["autoScalingGroupArn"] == GROUP
    assert updated["updateStatus"] == "UPDATE_COMPLETE"


def test_tasks_of_ones_own_provider_are_ec2_tasks(ecs: Any, mine: Any, definition: Any, network: Any) -> None:
    strategy = [{"capacityProvider": "mine", "weight": 1}]
    ecs.create_cluster(clusterName="demo", capacityProviders=["mine"], defaultCapacityProviderStrategy=strategy)
    ecs.register_task_definition(**definition(requiresCompatibilities=["EC2"]))
    task = ecs.run_task(cluster="demo", taskDefinition="api", networkConfiguration=network)["tasks"][0]
    assert (task["launchType"], task["capacityProviderName"]) == ("EC2", "mine")


def test_one_in_use_cannot_be_deleted(ecs: Any, mine: Any, refusal: Any) -> None:
    ecs.create_cluster(clusterName="demo", capacityProviders=["mine"])
    code, message = refusal(ecs.delete_capacity_provider, capacityProvider="mine")
    assert code == "ClientException"
    assert "in use" in message
    ecs.put_cluster_capacity_providers(cluster="demo", capacityProviders=[], defaultCapacityProviderStrategy=[])
    assert ecs.delete_capacity_provider(capacityProvider="mine")["capacityProvider"]["status"] == "INACTIVE"
    assert names(ecs) == ["FARGATE", "FARGATE_SPOT"]


def test_a_cluster_takes_no_provider_that_there_is_not(ecs: Any, refusal: Any) -> None:
    code, message = refusal(ecs.create_cluster, clusterName="demo", capacityProviders=["nowhere"])
    assert code == "InvalidParameterException"
    assert "nowhere" in message


@pytest.mark.parametrize("name", ["fargate-like", "aws1", "ECS-mine", "a b"])
def test_reserved_names_are_refused(ecs: Any, refusal: Any, name: str) -> None:
    group = {"autoScalingGroupArn": GROUP}
    code, _ = refusal(ecs.create_capacity_provider, name=name, autoScalingGroupProvider=group)
    assert code == "InvalidParameterException"


def test_a_name_is_taken_once_and_those_of_aws_stay(ecs: Any, mine: Any, refusal: Any) -> None:
    group = {"autoScalingGroupArn": GROUP}
    assert refusal(ecs.create_capacity_provider, name="mine", autoScalingGroupProvider=group)[0] == "ClientException"
    assert refusal(ecs.delete_capacity_provider, capacityProvider="FARGATE")[0] == "ClientException"


def test_its_tags_are_those_of_any_resource(ecs: Any, mine: Any) -> None:
    arn = mine["capacityProvider"]["capacityProviderArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "a"}])
    found = ecs.describe_capacity_providers(capacityProviders=["mine"], include=["TAGS"])["capacityProviders"][0]
    assert found["tags"] == [{"key": "team", "value": "a"}]


def test_tasks_get_the_providers_of_their_strategy_by_base_and_weight(ecs: Any, definition: Any, network: Any) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 2},
    ]
    ecs.create_cluster(clusterName="demo", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    ecs.register_task_definition(**definition())
    tasks = ecs.run_task(
        cluster="demo", taskDefinition="api", count=7, capacityProviderStrategy=strategy, networkConfiguration=network
    )["tasks"]
    assert Counter(each["capacityProviderName"] for each in tasks) == {"FARGATE": 3, "FARGATE_SPOT": 4}
    assert {each["launchType"] for each in tasks} == {"FARGATE"}


def test_a_task_that_has_a_launch_type_only_shows_no_provider(ecs: Any, definition: Any, network: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    ecs.register_task_definition(**definition())
    asked = {"launchType": "FARGATE", "networkConfiguration": network}
    (task,) = ecs.run_task(cluster="demo", taskDefinition="api", **asked)["tasks"]
    assert "capacityProviderName" not in task
