"""Services of the strategy DAEMON, by a real client: their count follows from the container instances."""

from typing import Any

import pytest


@pytest.fixture
def daemon(demo: Any, definition: Any, network: Any) -> Any:
    """Make a DAEMON service of the EC2 launch type, with what is given on top."""
    demo.register_task_definition(**definition(requiresCompatibilities=["EC2"]))

    def make(**members: Any) -> Any:
        arguments = {
            "cluster": "demo",
            "serviceName": "agent",
            "taskDefinition": "api",
            "schedulingStrategy": "DAEMON",
            "networkConfiguration": network,
        }
        return demo.create_service(**{**arguments, **members})["service"]

    return make


def described(ecs: Any) -> Any:
    return ecs.describe_services(cluster="demo", services=["agent"])["services"][0]


def set_state(ecs: Any, status: str) -> None:
    (arn,) = ecs.list_container_instances(cluster="demo")["containerInstanceArns"]
    ecs.update_container_instances_state(cluster="demo", containerInstances=[arn], status=status)


def test_a_daemon_has_one_task_on_this_machine_unless_it_drains(demo: Any, daemon: Any) -> None:
    made = daemon()
    assert (made["schedulingStrategy"], made["desiredCount"], made["launchType"]) == ("DAEMON", 1, "EC2")
    assert made["deploymentConfiguration"]["maximumPercent"] == 100
    assert made["deploymentConfiguration"]["minimumHealthyPercent"] == 0
    set_state(demo, "DRAINING")
    assert described(demo)["desiredCount"] == 0
    set_state(demo, "ACTIVE")
    assert described(demo)["desiredCount"] == 1


def test_a_daemon_keeps_away_from_instances_that_are_not_meant(demo: Any, daemon: Any) -> None:
    constraint = {"type": "memberOf", "expression": "attribute:disk == fast"}
    assert daemon(placementConstraints=[constraint])["desiredCount"] == 0
    (arn,) = demo.list_container_instances(cluster="demo")["containerInstanceArns"]
    demo.put_attributes(cluster="demo", attributes=[{"name": "disk", "value": "fast", "targetId": arn}])
    found = described(demo)
    assert found["desiredCount"] == 1
    assert found["placementConstraints"] == [constraint]


def test_daemons_are_listed_by_their_strategy(demo: Any, daemon: Any, create: Any) -> None:
    daemon()
    listed = demo.list_services(cluster="demo", schedulingStrategy="DAEMON")["serviceArns"]
    assert [arn.rsplit("/")[-1] for arn in listed] == ["agent"]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"desiredCount": 2}, "desired count"),
        ({"placementStrategy": [{"type": "random"}]}, "placement strategies"),
        ({"placementConstraints": [{"type": "distinctInstance"}]}, "distinctInstance"),
        ({"placementConstraints": [{"type": "memberOf", "expression": "color is red"}]}, "color"),
    ],
)
def test_what_a_daemon_cannot_have_is_refused(daemon: Any, refusal: Any, members: Any, named: str) -> None:
    code, message = refusal(daemon, **members)
    assert code == "InvalidParameterException"
    assert named in message


def test_a_daemon_cannot_be_scaled_and_not_run_on_fargate(
    demo: Any, daemon: Any, refusal: Any, definition: Any
) -> None:
    demo.register_task_definition(**definition())
    assert refusal(daemon, launchType="FARGATE")[0] == "InvalidParameterException"
    daemon()
    code, message = refusal(demo.update_service, cluster="demo", service="agent", desiredCount=3)
    assert (code, "desired count" in message) == ("InvalidParameterException", True)
