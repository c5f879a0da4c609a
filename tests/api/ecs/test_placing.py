"""Placement constraints, StartTask and draining for tasks by themselves, by a real client."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.capacity import ContainerInstance

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


def test_tasks_are_spread_over_the_zones_beside_those_of_their_group(run: Any, network: Any) -> None:
    network["awsvpcConfiguration"]["subnets"] = ["subnet-a", "subnet-b", "subnet-c"]
    strategies = [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "cpu"}]
    first = run(placementStrategy=strategies, count=2, group="batch")["tasks"]
    second = run(placementStrategy=strategies, count=4, group="batch")["tasks"]
    zones = Counter(task["availabilityZone"] for task in [*first, *second])
    assert sorted(zones.values()) == [2, 2, 2]
    assert len(run(placementStrategy=[{"type": "random"}], count=2)["tasks"]) == 2


def test_a_constraint_on_the_zone_picks_the_subnets_of_that_zone(run: Any, network: Any, instance: str) -> None:
    network["awsvpcConfiguration"]["subnets"] = ["subnet-a", "subnet-b"]
    there = {"type": "memberOf", "expression": "attribute:ecs.availability-zone == us-east-1b"}
    assert {task["availabilityZone"] for task in run(placementConstraints=[there], count=3)["tasks"]} == {"us-east-1b"}
    nowhere = {"type": "memberOf", "expression": "attribute:ecs.availability-zone == us-east-1c"}
    reason = "MemberOf placement constraint unsatisfied."
    assert run(placementConstraints=[nowhere])["failures"] == [{"arn": instance, "reason": reason}]


@pytest.fixture
def small(demo: Any, account: Any) -> Callable[[int, int], None]:
    """Lets the container instance have so many CPU units and MiB."""

    def make(cpu: int, memory: int) -> None:
        (instance,) = account.world().within(ContainerInstance, account.id, "us-east-1")
        account.write_records(replace(instance, cpu=cpu, memory=memory))

    return make


def test_tasks_find_room_for_as_many_as_the_instance_can_hold(run: Any, small: Any, instance: str) -> None:
    small(600, 4096)
    answer = run(count=3)  # of 256 units each
    assert len(answer["tasks"]) == 2
    assert answer["failures"] == [{"arn": instance, "reason": "RESOURCE:CPU"}]
    small(8192, 4096 - 512 * 7)
    assert run()["failures"] == [{"arn": instance, "reason": "RESOURCE:MEMORY"}]


def test_start_task_finds_no_room_either(demo: Any, run: Any, small: Any, instance: str, network: Any) -> None:
    small(100, 4096)
    answer = demo.start_task(
        cluster="demo", taskDefinition="api", containerInstances=[instance], networkConfiguration=network
    )
    assert answer["tasks"] == []
    assert answer["failures"] == [{"arn": instance, "reason": "RESOURCE:CPU"}]


def test_containers_reserve_what_the_task_does_not(
    demo: Any, definition: Any, run: Any, small: Any, network: Any
) -> None:
    app = {"cpu": 100, "memory": 900, "memoryReservation": 300}
    demo.register_task_definition(**definition("sized", app, cpu=None, memory=None, requiresCompatibilities=["EC2"]))
    small(250, 2000)
    started = demo.run_task(cluster="demo", taskDefinition="sized", networkConfiguration=network, count=3)
    assert (len(started["tasks"]), started["failures"][0]["reason"]) == (2, "RESOURCE:CPU")
    shown = demo.describe_container_instances(cluster="demo", containerInstances=[started["failures"][0]["arn"]])
    left = {
        each["name"]: each["integerValue"]
        for each in shown["containerInstances"][0]["remainingResources"]
        if each["type"] == "INTEGER"
    }
    assert left == {"CPU": 50, "MEMORY": 1400}


def test_fargate_asks_nothing_of_the_instance(demo: Any, definition: Any, small: Any, network: Any) -> None:
    small(1, 1)
    answer = demo.run_task(cluster="demo", taskDefinition="api", launchType="FARGATE", networkConfiguration=network)
    assert len(answer["tasks"]) == 1


def bridge(definition: Any, family: str, host_port: int, **port: Any) -> dict[str, Any]:
    container = {"portMappings": [{"containerPort": 80, "hostPort": host_port, **port}]}
    found: dict[str, Any] = definition(family, container, networkMode="bridge", requiresCompatibilities=None)
    return found


def test_a_fixed_host_port_is_for_one_task(demo: Any, definition: Any, instance: str) -> None:
    demo.register_task_definition(**bridge(definition, "fixed", 18080))
    answer = demo.run_task(cluster="demo", taskDefinition="fixed", count=3)
    assert len(answer["tasks"]) == 1
    lacking = {"arn": instance, "reason": "RESOURCE:PORTS"}
    assert answer["failures"] == [lacking] * 2
    assert demo.run_task(cluster="demo", taskDefinition="fixed")["failures"] == [lacking]
    started = demo.start_task(cluster="demo", taskDefinition="fixed", containerInstances=[instance])
    assert (started["tasks"], started["failures"]) == ([], [lacking])
    (found,) = demo.describe_container_instances(cluster="demo", containerInstances=[instance])["containerInstances"]
    (left,) = (each for each in found["remainingResources"] if each["name"] == "PORTS")
    assert "18080" in left["stringSetValue"]
    demo.register_task_definition(**bridge(definition, "dynamic", 0))
    assert len(demo.run_task(cluster="demo", taskDefinition="dynamic", count=3)["tasks"]) == 3


def test_bridge_tasks_have_no_network_configuration_and_no_fargate(
    demo: Any, definition: Any, network: Any, refusal: Any
) -> None:
    demo.register_task_definition(**bridge(definition, "dynamic", 0))
    wanted = {"cluster": "demo", "taskDefinition": "dynamic"}
    assert "not valid for the given networkMode" in refusal(demo.run_task, **wanted, networkConfiguration=network)[1]
    assert "FARGATE" in refusal(demo.run_task, **wanted, launchType="FARGATE")[1]
