"""Tasks by a real client: run, describe, list, stop; the engine's records are written by the test."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.domain.task import ContainerState, Status, Stop, StopCode, Task, TaskState

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def run(demo: Any, network: Any) -> Any:
    def make(**members: Any) -> Any:
        base = {"cluster": "demo", "taskDefinition": "api", "launchType": "FARGATE", "networkConfiguration": network}
        return demo.run_task(**{**base, **members})["tasks"]

    return make


def describe(ecs: Any, task: Any) -> Any:
    return ecs.describe_tasks(cluster="demo", tasks=[task["taskArn"]])["tasks"][0]


def record(account: Any, task: Any) -> Task:
    found = account.world().get(Task, (account.id, "us-east-1", "demo", task["taskArn"].rsplit("/")[-1]))
    assert found is not None
    return found


def seen(account: Any, task: Any, **members: Any) -> None:
    """What the engine would have seen of the task."""
    found = record(account, task)
    account.write_records(TaskState(found.account, found.region, found.cluster, found.id, **members))


def test_a_new_task_is_provisioning_and_shall_run(demo: Any, run: Any) -> None:
    task = run()[0]
    assert (task["lastStatus"], task["desiredStatus"]) == ("PROVISIONING", "RUNNING")
    assert task["containers"][0]["lastStatus"] == "PENDING"
    assert task["group"] == "family:api"
    assert "startedAt" not in task
    assert describe(demo, task) == task


def test_what_was_seen_is_shown(account: Any, demo: Any, run: Any) -> None:
    task = run()[0]
    app = ContainerState("app", "RUNNING", runtime_id="c1", health="HEALTHY", image_digest="sha256:9f")
    proxy = ContainerState("ecs-service-connect-abcde", "RUNNING")
    seen(
        account,
        task,
        status=Status.RUNNING,
        address="100.64.0.9",
        containers=(app, proxy),
        health="HEALTHY",
        started_at=NOW,
        version=4,
    )
    found = describe(demo, task)
    assert (found["lastStatus"], found["healthStatus"], found["version"]) == ("RUNNING", "HEALTHY", 4)
    assert found["startedAt"] == NOW
    assert [each["name"] for each in found["containers"]] == ["app", "ecs-service-connect-abcde"]
    first = found["containers"][0]
    assert (first["runtimeId"], first["imageDigest"]) == ("c1", "sha256:9f")
    assert first["networkInterfaces"][0]["privateIpv4Address"] == "100.64.0.9"
    interface = found["attachments"][0]
    assert (interface["type"], interface["status"]) == ("ElasticNetworkInterface", "ATTACHED")
    assert {"name": "privateIPv4Address", "value": "100.64.0.9"} in interface["details"]
    assert first["networkInterfaces"][0]["attachmentId"] == interface["id"]


def test_an_end_is_shown_with_its_code_and_reason(account: Any, demo: Any, run: Any) -> None:
    task = run()[0]
    app = ContainerState("app", "STOPPED", exit_code=3)
    stop = Stop(StopCode.ESSENTIAL_CONTAINER_EXITED, "Essential container in task exited", NOW)
    seen(account, task, status=Status.STOPPED, containers=(app,), stop=stop, stopped_at=NOW)
    found = describe(demo, task)
    assert (found["lastStatus"], found["desiredStatus"]) == ("STOPPED", "STOPPED")
    assert found["stopCode"] == "EssentialContainerExited"
    assert found["stoppedReason"] == "Essential container in task exited"
    assert found["containers"][0]["exitCode"] == 3
    assert found["stoppedAt"] == NOW


def test_stopping_a_task_says_who_did(account: Any, demo: Any, run: Any) -> None:
    one, two = run(count=2)
    stopped = demo.stop_task(cluster="demo", task=one["taskArn"], reason="enough")["task"]
    assert (stopped["desiredStatus"], stopped["lastStatus"]) == ("STOPPED", "PROVISIONING")
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    again = demo.stop_task(cluster="demo", task=one["taskArn"], reason="more")["task"]
    assert again["stoppedReason"] == "enough"
    silent = demo.stop_task(cluster="demo", task=two["taskArn"].rsplit("/")[-1])["task"]
    assert silent["stoppedReason"] == "Task stopped by user"
    assert record(account, one).stop is not None


def test_stopping_what_is_not_there_is_refused(demo: Any, refusal: Any) -> None:
    expected = ("InvalidParameterException", "The referenced task was not found.")
    assert refusal(demo.stop_task, cluster="demo", task="f" * 32) == expected
    assert refusal(demo.stop_task, cluster="nope", task="f" * 32)[0] == "ClusterNotFoundException"


def test_unknown_tasks_are_failures(account: Any, demo: Any) -> None:
    failures = demo.describe_tasks(cluster="demo", tasks=["f" * 32])["failures"]
    assert failures == [{"arn": f"arn:aws:ecs:us-east-1:{account.id}:task/demo/{'f' * 32}", "reason": "MISSING"}]


def test_what_can_be_no_task_id_is_refused(demo: Any, refusal: Any) -> None:
    expected = ("InvalidParameterException", "taskId length should be one of [32,36]")
    assert refusal(demo.describe_tasks, cluster="demo", tasks=["None"]) == expected
    assert refusal(demo.stop_task, cluster="demo", task="None") == expected


def test_a_task_of_another_cluster_is_refused(demo: Any, run: Any, refusal: Any) -> None:
    (task,) = run()
    demo.create_cluster(clusterName="other")
    expected = (
        "InvalidParameterException",
        "Invalid identifier: Identifier is for cluster demo. Your cluster is other",
    )
    assert refusal(demo.describe_tasks, cluster="other", tasks=[task["taskArn"]]) == expected
    assert refusal(demo.stop_task, cluster="other", task=task["taskArn"]) == expected


def test_a_task_on_fargate_has_one_of_its_sizes(run: Any, refusal: Any) -> None:
    code, message = refusal(run, overrides={"cpu": "300"})
    assert code == "ClientException"
    assert message.startswith("No Fargate configuration exists for given values: 300 CPU")


def test_who_started_a_task_is_said_in_128_characters(run: Any, refusal: Any) -> None:
    assert run(startedBy="x" * 128)[0]["startedBy"] == "x" * 128
    assert refusal(run, startedBy="x" * 129) == ("InvalidParameterException", "startedBy longer than 128.")
    assert refusal(run, startedBy="a b")[0] == "InvalidParameterException"


def test_a_task_may_be_larger_than_its_definition(account: Any, run: Any, demo: Any) -> None:
    (task,) = run(overrides={"cpu": "1 vCPU", "memory": "2GB"})
    assert (task["cpu"], task["memory"]) == ("1024", "2048")
    assert task["overrides"]["memory"] == "2048"


def test_overrides_have_room_for_8192_characters_and_a_name(run: Any, refusal: Any) -> None:
    def asked(length: int) -> dict[str, Any]:
        return {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "x" * length}]}]}

    around = len('[{"name":"app","environment":[{"name":"A","value":""}]}]')
    assert run(overrides=asked(8192 - around))
    code, message = refusal(run, overrides=asked(8193 - around))
    assert (code, message) == ("InvalidParameterException", "Container Overrides length must be at most 8192")
    nameless = {"containerOverrides": [{"command": ["echo"]}]}
    assert refusal(run, overrides=nameless)[1] == "A container override must name its container."


def test_overrides_are_checked_kept_and_shown(account: Any, run: Any, demo: Any, refusal: Any, network: Any) -> None:
    override = {"name": "app", "command": ["echo"], "environment": [{"name": "A", "value": "1"}]}
    task = run(overrides={"containerOverrides": [override]})[0]
    assert task["overrides"]["containerOverrides"] == [override]
    assert record(account, task).overrides == {"containerOverrides": [override]}
    code, message = refusal(
        demo.run_task,
        cluster="demo",
        taskDefinition="api",
        launchType="FARGATE",
        networkConfiguration=network,
        overrides={"containerOverrides": [{"name": "web"}]},
    )
    assert code == "InvalidParameterException"
    assert message == "Override for container named web is not a container in the TaskDefinition."


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"overrides": {"cpu": "much"}}, "cpu"),
        ({"placementConstraints": [{"type": "distinctInstance"}]}, "Placement constraints"),
        ({"count": 11}, "count"),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}, "subnets"),
        ({"group": "service:api"}, "group"),
        ({"launchType": "EXTERNAL"}, "EXTERNAL"),
    ],
)
def test_what_cannot_be_run_so_is_refused_by_name(run: Any, refusal: Any, members: Any, named: str) -> None:
    assert named in refusal(run, **members)[1]


def test_a_request_that_is_sent_again_runs_nothing_more(run: Any, demo: Any, refusal: Any) -> None:
    first = run(clientToken="token", count=2)
    again = run(clientToken="token", count=2)
    assert {each["taskArn"] for each in again} == {each["taskArn"] for each in first}
    assert len(demo.list_tasks(cluster="demo")["taskArns"]) == 2
    assert refusal(run, clientToken="token", count=3)[0] == "ConflictException"


def test_tasks_are_listed_by_what_they_are(account: Any, demo: Any, definition: Any, run: Any) -> None:
    demo.register_task_definition(**definition("other"))
    mine = run(startedBy="me")[0]["taskArn"]
    other = run(taskDefinition="other")[0]["taskArn"]
    gone = run()[0]
    demo.stop_task(cluster="demo", task=gone["taskArn"])

    def listed(**members: Any) -> set[str]:
        return set(demo.list_tasks(cluster="demo", **members)["taskArns"])

    assert listed() == {mine, other}
    assert listed(startedBy="me") == {mine}
    assert listed(family="other") == {other}
    assert listed(desiredStatus="STOPPED") == {gone["taskArn"]}
    assert listed(launchType="EC2") == set()
    assert listed(desiredStatus="PENDING") == set()
    assert listed(family="other", startedBy="me") == set()
    assert listed(startedBy="me", launchType="FARGATE", maxResults=1) == {mine}
    pages = demo.get_paginator("list_tasks").paginate(
        cluster="demo", launchType="FARGATE", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["taskArns"]) for page in pages] == [1, 1]


def test_tags_reach_the_tasks_as_asked(demo: Any, definition: Any, run: Any) -> None:
    demo.register_task_definition(**definition("tagged", tags=[{"key": "from", "value": "definition"}]))
    own = [{"key": "own", "value": "1"}]
    task = run(taskDefinition="tagged", tags=own, propagateTags="TASK_DEFINITION", enableECSManagedTags=True)[0]
    found = {each["key"]: each["value"] for each in task["tags"]}
    assert found == {"from": "definition", "own": "1", "aws:ecs:clusterName": "demo"}
    assert describe(demo, task)["tags"] == []


def test_the_waiters_of_the_client_understand_the_states(account: Any, demo: Any, run: Any) -> None:
    task = run()[0]
    seen(account, task, status=Status.RUNNING)
    demo.get_waiter("tasks_running").wait(cluster="demo", tasks=[task["taskArn"]])
    found = record(account, task)
    account.write_records(replace(found, stop=Stop(StopCode.USER_INITIATED, "x", NOW)))
    seen(account, task, status=Status.STOPPED)
    demo.get_waiter("tasks_stopped").wait(cluster="demo", tasks=[task["taskArn"]])


def test_a_role_that_is_missing_is_refused_in_the_words_of_ecs(account: Any, run: Any, refusal: Any) -> None:
    def role(name: str) -> dict[str, Any]:
        return {"overrides": {"taskRoleArn": f"arn:aws:iam::{account.id}:role/{name}"}}

    assert run(**role("app"))
    code, message = refusal(run, **role("missing"))
    assert code == "ClientException"
    assert message.startswith(f"ECS was unable to assume the role 'arn:aws:iam::{account.id}:role/missing' that was")
