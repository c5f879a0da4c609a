"""The network interfaces of tasks: the same to ECS, to EC2 and to the scripts that go from one to the other."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.api.ec2.filtering import like
from moorage.domain.task import ContainerState, Status, TaskState

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def placed(account: Any, demo: Any, network: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A task whose network is there, as ECS describes it."""

    def make(address: str, status: Status = Status.RUNNING, **more: Any) -> dict[str, Any]:
        demo.register_task_definition(**more)
        arguments = {"cluster": "demo", "taskDefinition": "api", "launchType": "FARGATE"}
        task = demo.run_task(**arguments, networkConfiguration=network)["tasks"][0]
        key = task["taskArn"].rsplit("/", 1)[1]
        state = TaskState(account.id, "us-east-1", "demo", key, status, address=address, pull_started_at=NOW)
        account.write_records(TaskState(**{**vars(state), "containers": (ContainerState("app", "RUNNING"),)}))
        found: dict[str, Any] = demo.describe_tasks(cluster="demo", tasks=[key])["tasks"][0]
        return found

    return make


def details(task: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in task["attachments"][0]["details"]}


def test_what_ecs_names_ec2_describes(account: Any, placed: Any, definition: Any) -> None:
    task = placed("100.64.0.9", **definition())
    seen = details(task)
    assert re.fullmatch("eni-[0-9a-f]{17}", seen["networkInterfaceId"])
    ec2 = account.client("ec2")
    (found,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[seen["networkInterfaceId"]])["NetworkInterfaces"]
    assert (found["MacAddress"], found["PrivateIpAddress"]) == (seen["macAddress"], seen["privateIPv4Address"])
    assert (found["SubnetId"], found["VpcId"]) == (seen["subnetId"], "vpc-1")
    assert found["AvailabilityZone"] == task["availabilityZone"]
    attachment = f"arn:aws:ecs:us-east-1:{account.id}:attachment/{task['attachments'][0]['id']}"
    assert (found["Description"], found["RequesterManaged"], found["Status"]) == (attachment, True, "in-use")
    assert found["Groups"] == [{"GroupId": "sg-1"}]
    assert (found["Attachment"]["Status"], found["Attachment"]["AttachTime"]) == ("attached", NOW)
    assert "Association" not in found


def test_filters_choose_among_all_and_those_of_moto_are_there_too(account: Any, placed: Any, definition: Any) -> None:
    one, two = placed("100.64.0.9", **definition()), placed("100.64.0.10", **definition())
    gone = placed("100.64.0.11", Status.STOPPED, **definition())
    ec2 = account.client("ec2")
    by_name = {details(task)["networkInterfaceId"] for task in (one, two)}

    def chosen(**filters: str) -> set[str]:
        given = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        answer = ec2.describe_network_interfaces(Filters=given)
        return {each["NetworkInterfaceId"] for each in answer["NetworkInterfaces"]}

    assert chosen() == by_name | {"eni-moto"}
    assert chosen(description="arn:aws:ecs:*") == chosen(subnet_id="subnet-1", status="in-use") == by_name
    assert chosen(private_ip_address="100.64.0.?") == {details(one)["networkInterfaceId"]}
    assert chosen(group_id="sg-9") == set()
    assert "networkInterfaceId" in details(gone) and details(gone)["networkInterfaceId"] not in chosen()


def test_what_nobody_knows_is_refused_in_ec2s_words(account: Any, placed: Any, definition: Any, refusal: Any) -> None:
    known = details(placed("100.64.0.9", **definition()))["networkInterfaceId"]
    ec2 = account.client("ec2")
    code, message = refusal(ec2.describe_network_interfaces, NetworkInterfaceIds=[known, "eni-none"])
    assert (code, "eni-none" in message) == ("InvalidNetworkInterfaceID.NotFound", True)
    colour = [{"Name": "colour", "Values": ["red"]}]
    assert refusal(ec2.describe_network_interfaces, Filters=colour) == (
        "InvalidParameterValue",
        "The filter 'colour' is invalid",
    )


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=8))
def test_wildcards_mean_what_they_mean_in_expressions(pattern: str, text: str) -> None:
    assert like(pattern, text) == bool(re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text))


@given(st.text(alphabet="ab*?\\", max_size=12))
def test_what_is_escaped_stands_for_itself(text: str) -> None:
    escaped = re.sub(r"[*?\\]", r"\\\g<0>", text)
    assert like(escaped, text)
    assert like(escaped, text + "x") is False
