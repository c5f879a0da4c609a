"""Placement constraints, StartTask and draining for tasks by themselves, by a real client."""

from typing import Any

import pytest

FAST = {"type": "memberOf", "expression": "attribute:disk == fast"}


@pytest.fixture
def instance(demo: Any) -> str:
    (arn,) = demo.list_container_instances(cluster="demo")["containerInstanceArns"]
    return str(arn)


@pytest.fixture
def run(demo: Any, definition: Any, network: Any) -> Any:
    demo.register_task_definition(**definition(requiresCompatibilities=["EC2"]))

    def make(**members: Any) -> Any:
        return demo.run_task(cluster="demo", taskDefinition="api", networkConfiguration=network, **members)

    return make


def test_ec2_tasks_tell_their_container_instance(demo: Any, run: Any, instance: str) -> None:
    (task,) = run()["tasks"]
    assert task["containerInstanceArn"] == instance
    listed = demo.list_tasks(cluster="demo", containerInstance=instance)["taskArns"]
    assert listed == [task["taskArn"]]


def test_a_task_that_no_instance_may_take_is_a_failure(demo: Any, run: Any, instance: str) -> None:
    answer = run(placementConstraints=[FAST], count=2)
    assert answer["tasks"] == []
    assert answer["failures"] == [{"arn": instance, "reason": "MemberOf placement constraint unsatisfied."}] * 2
    demo.put_attributes(cluster="demo", attributes=[{"name": "disk", "value": "fast", "targetId": instance}])
    assert len(run(placementConstraints=[FAST], count=2)["tasks"]) == 2


def test_tasks_of_distinct_instances_find_room_for_one(run: Any) -> None:
    distinct = [{"type": "distinctInstance"}]
    answer = run(placementConstraints=distinct, count=3, group="batch")
    assert (len(answer["tasks"]), len(answer["failures"])) == (1, 2)
    again = run(placementConstraints=distinct, group="batch")
    assert again["failures"][0]["reason"] == "DistinctInstance placement constraint unsatisfied."


def test_the_constraints_of_the_task_definition_hold_too(demo: Any, definition: Any, network: Any) -> None:
    demo.register_task_definition(**definition(requiresCompatibilities=["EC2"], placementConstraints=[FAST]))
    answer = demo.run_task(cluster="demo", taskDefinition="api", networkConfiguration=network)
    assert answer["tasks"] == []


def test_fargate_has_no_constraints_and_no_bad_ones_are_registered(demo: Any, definition: Any, refusal: Any) -> None:
    assert refusal(demo.register_task_definition, **definition(placementConstraints=[FAST]))[0] == "ClientException"
    wrong = {"type": "memberOf", "expression": "attribute:disk"}
    document = definition(requiresCompatibilities=["EC2"], placementConstraints=[wrong])
    assert refusal(demo.register_task_definition, **document)[0] == "InvalidParameterException"


def test_a_draining_machine_runs_no_more_ec2_tasks(demo: Any, run: Any, refusal: Any, instance: str) -> None:
    demo.update_container_instances_state(cluster="demo", containerInstances=[instance], status="DRAINING")
    code, message = refusal(run)
    assert (code, message) == ("InvalidParameterException", "No Container Instances were found in your cluster.")


def test_start_task_puts_a_task_where_it_is_told(demo: Any, run: Any, network: Any, instance: str) -> None:
    wanted = {"cluster": "demo", "taskDefinition": "api", "networkConfiguration": network, "startedBy": "me"}
    answer = demo.start_task(containerInstances=[instance, "nowhere"], **wanted)
    (task,) = answer["tasks"]
    assert (task["launchType"], task["containerInstanceArn"], task["startedBy"]) == ("EC2", instance, "me")
    assert [each["reason"] for each in answer["failures"]] == ["MISSING"]


@pytest.mark.parametrize(
    "strategy",
    [{"type": "binpack", "field": "disk"}, {"type": "spread", "field": "color"}, {"type": "random", "field": "cpu"}],
)
def test_strategies_that_ecs_does_not_know_are_refused(run: Any, refusal: Any, strategy: Any) -> None:
    assert refusal(run, placementStrategy=[strategy])[0] == "InvalidParameterException"


def test_strategies_change_nothing_where_there_is_one_machine(run: Any) -> None:
    strategies = [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "cpu"}]
    assert len(run(placementStrategy=strategies)["tasks"]) == 1
