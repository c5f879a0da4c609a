"""This machine as a container instance, and its attributes, by a real client."""

from typing import Any

import pytest


@pytest.fixture
def instance(ecs: Any) -> str:
    """The ARN of the one container instance of the cluster `demo`."""
    ecs.create_cluster(clusterName="demo")
    (arn,) = ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    return str(arn)


def described(ecs: Any, arn: str) -> Any:
    (found,) = ecs.describe_container_instances(cluster="demo", containerInstances=[arn])["containerInstances"]
    return found


def listed(ecs: Any, expression: str) -> int:
    return len(ecs.list_container_instances(cluster="demo", filter=expression)["containerInstanceArns"])


def test_this_machine_is_one_with_its_processors_and_memory(ecs: Any, instance: str) -> None:
    found = described(ecs, instance)
    assert (found["status"], found["agentConnected"], found["runningTasksCount"]) == ("ACTIVE", True, 0)
    registered = {
        each["name"]: each["integerValue"] for each in found["registeredResources"] if each["type"] == "INTEGER"
    }
    assert registered["CPU"] >= 1024
    assert registered["MEMORY"] > 100
    assert {"name": "ecs.os-type", "value": "linux"} in found["attributes"]
    cluster = ecs.describe_clusters(clusters=["demo"])["clusters"][0]
    assert cluster["registeredContainerInstancesCount"] == 1


def test_what_ec2_tasks_take_is_not_left(ecs: Any, instance: str, definition: Any, network: Any) -> None:
    ecs.register_task_definition(**definition(requiresCompatibilities=["EC2"]))
    ecs.run_task(cluster="demo", taskDefinition="api", networkConfiguration=network)
    found = described(ecs, instance)
    left = {each["name"]: each["integerValue"] for each in found["remainingResources"] if each["type"] == "INTEGER"}
    whole = {each["name"]: each["integerValue"] for each in found["registeredResources"] if each["type"] == "INTEGER"}
    assert (whole["CPU"] - left["CPU"], whole["MEMORY"] - left["MEMORY"]) == (256, 512)
    assert found["pendingTasksCount"] == 1


def test_unknown_instances_are_failures(ecs: Any, instance: str) -> None:
    answer = ecs.describe_container_instances(cluster="demo", containerInstances=["none"])
    assert answer["containerInstances"] == []
    assert answer["failures"][0]["reason"] == "MISSING"


def test_it_can_be_drained_and_activated(ecs: Any, instance: str) -> None:
    for status in ("DRAINING", "ACTIVE"):
        answer = ecs.update_container_instances_state(cluster="demo", containerInstances=[instance], status=status)
        assert [each["status"] for each in answer["containerInstances"]] == [status]
        assert ecs.list_container_instances(cluster="demo", status=status)["containerInstanceArns"] == [instance]
    assert described(ecs, instance)["version"] == 3


def test_other_states_are_not_for_users_to_set(ecs: Any, instance: str, refusal: Any) -> None:
    wanted = {"cluster": "demo", "containerInstances": [instance], "status": "DEREGISTERING"}
    assert refusal(ecs.update_container_instances_state, **wanted)[0] == "InvalidParameterException"


def test_attributes_are_put_listed_and_deleted(ecs: Any, instance: str) -> None:
    attribute = {"name": "stack", "value": "blue", "targetId": instance}
    ecs.put_attributes(cluster="demo", attributes=[attribute])
    query = {"cluster": "demo", "targetType": "container-instance", "attributeName": "stack"}
    assert ecs.list_attributes(**query)["attributes"] == [{**attribute, "targetType": "container-instance"}]
    assert listed(ecs, "attribute:stack == blue") == 1
    ecs.delete_attributes(cluster="demo", attributes=[{"name": "stack", "targetId": instance}])
    assert ecs.list_attributes(**query)["attributes"] == []
    assert listed(ecs, "attribute:stack exists") == 0


def test_the_machines_own_attributes_stay_its_own(ecs: Any, instance: str, refusal: Any) -> None:
    attribute = {"name": "ecs.os-type", "value": "windows", "targetId": instance}
    assert refusal(ecs.put_attributes, cluster="demo", attributes=[attribute])[0] == "InvalidParameterException"


def test_an_attribute_needs_a_target_that_there_is(ecs: Any, instance: str, refusal: Any) -> None:
    stranger = {"name": "stack", "targetId": instance[:-4] + "0000"}
    assert refusal(ecs.put_attributes, cluster="demo", attributes=[stranger])[0] == "TargetNotFoundException"


def test_attributes_are_limited_in_number(ecs: Any, instance: str, refusal: Any) -> None:
    ten = [{"name": f"a{number}", "targetId": instance} for number in range(10)]
    ecs.put_attributes(cluster="demo", attributes=ten)
    code, _ = refusal(ecs.put_attributes, cluster="demo", attributes=[{"name": "more", "targetId": instance}])
    assert code == "AttributeLimitExceededException"


def test_a_filter_that_is_no_query_is_refused(ecs: Any, instance: str, refusal: Any) -> None:
    code, message = refusal(ecs.list_container_instances, cluster="demo", filter="color is blue")
    assert code == "InvalidParameterException"
    assert "color" in message


def test_a_deleted_cluster_has_no_instance(ecs: Any, instance: str) -> None:
    deleted = ecs.delete_cluster(cluster="demo")["cluster"]
    assert deleted["registeredContainerInstancesCount"] == 0
    assert ecs.list_container_instances(cluster="demo")["containerInstanceArns"] == []


def test_what_the_agent_alone_may_say_is_refused_with_the_reason(ecs: Any, refusal: Any) -> None:
    code, message = refusal(ecs.discover_poll_endpoint)
    assert code == "UnknownOperationException"
    assert "container agent" in message
