"""Task definitions by a real client: revisions, statuses, and what is refused by name."""

from typing import Any

import pytest


@pytest.fixture
def register(ecs: Any, definition: Any) -> Any:
    def make(*args: Any, **members: Any) -> Any:
        return ecs.register_task_definition(**definition(*args, **members))["taskDefinition"]

    return make


def revision(answer: Any) -> str:
    return answer["taskDefinitionArn"].rsplit("/")[-1]


def test_what_was_registered_comes_back(ecs: Any, register: Any) -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1"}}
    container = {"environment": [{"name": "A", "value": "1"}], "logConfiguration": logs, "stopTimeout": 5}
    made = register("api", container, taskRoleArn="arn:aws:iam::1:role/task", tags=[{"key": "a", "value": "b"}])
    found = ecs.describe_task_definition(taskDefinition="api", include=["TAGS"])
    assert found["taskDefinition"] == made
    assert found["tags"] == [{"key": "a", "value": "b"}]
    app = made["containerDefinitions"][0]
    assert app["logConfiguration"] == logs
    assert app["stopTimeout"] == 5
    assert made["taskRoleArn"] == "arn:aws:iam::1:role/task"


def test_revisions_count_on_and_are_never_used_again(ecs: Any, register: Any) -> None:
    assert [revision(register()) for _ in range(2)] == ["api:1", "api:2"]
    for name in ("api:1", "api:2"):
        ecs.deregister_task_definition(taskDefinition=name)
    ecs.delete_task_definitions(taskDefinitions=["api:1", "api:2"])
    assert revision(register()) == "api:3"


def test_the_latest_active_revision_is_meant_by_the_family(ecs: Any, register: Any) -> None:
    register()
    register()
    ecs.deregister_task_definition(taskDefinition="api:2")
    assert revision(ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]) == "api:1"


def test_a_deregistered_revision_is_inactive_and_cannot_be_run(
    ecs: Any, register: Any, refusal: Any, network: Any
) -> None:
    ecs.create_cluster()
    register()
    gone = ecs.deregister_task_definition(taskDefinition="api:1")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    assert "deregisteredAt" in gone
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    assert len(ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"]) == 1
    code, message = refusal(ecs.run_task, taskDefinition="api:1", networkConfiguration=network)
    assert (code, message) == ("ClientException", "TaskDefinition is inactive")


def test_an_unknown_one_cannot_be_described(ecs: Any, refusal: Any) -> None:
    expected = ("ClientException", "Unable to describe task definition.")
    assert refusal(ecs.describe_task_definition, taskDefinition="nope") == expected
    assert refusal(ecs.deregister_task_definition, taskDefinition="nope:1") == expected


def test_deregistering_needs_a_revision(ecs: Any, register: Any, refusal: Any) -> None:
    register()
    assert refusal(ecs.deregister_task_definition, taskDefinition="api")[0] == "InvalidParameterException"


def test_only_what_is_inactive_and_unused_is_deleted(ecs: Any, create: Any, definition: Any, refusal: Any) -> None:
    create()
    ecs.register_task_definition(**definition("other"))
    ecs.deregister_task_definition(taskDefinition="api:1")
    ecs.deregister_task_definition(taskDefinition="other:1")
    ecs.register_task_definition(**definition("third"))
    answer = ecs.delete_task_definitions(taskDefinitions=["api:1", "other:1", "third:1", "none:1"])
    assert [(revision(each), each["status"]) for each in answer["taskDefinitions"]] == [
        ("api:1", "DELETE_IN_PROGRESS"),
        ("other:1", "DELETE_IN_PROGRESS"),
    ]
    assert len(answer["failures"]) == 2
    assert ecs.describe_task_definition(taskDefinition="api:1")["taskDefinition"]["status"] == "DELETE_IN_PROGRESS"
    assert refusal(ecs.describe_task_definition, taskDefinition="other:1")[0] == "ClientException"


def test_families_are_listed_by_prefix_and_status(ecs: Any, register: Any) -> None:
    for family in ("api", "app", "web"):
        register(family)
    ecs.deregister_task_definition(taskDefinition="app:1")
    assert ecs.list_task_definition_families(familyPrefix="ap")["families"] == ["api", "app"]
    assert ecs.list_task_definition_families(status="ACTIVE")["families"] == ["api", "web"]
    assert ecs.list_task_definition_families(status="INACTIVE")["families"] == ["app"]


def test_revisions_are_listed_by_number_in_both_directions(ecs: Any, register: Any) -> None:
    for _ in range(11):
        register()
    pages = ecs.get_paginator("list_task_definitions")
    for sort, expected in (("ASC", range(1, 12)), ("DESC", range(11, 0, -1))):
        found = pages.paginate(familyPrefix="api", sort=sort, PaginationConfig={"PageSize": 4}).build_full_result()
        assert [int(arn.rsplit(":")[-1]) for arn in found["taskDefinitionArns"]] == list(expected)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]}, "volumes"),
        ({"proxyConfiguration": {"containerName": "envoy"}}, "proxyConfiguration"),
    ],
)
def test_what_this_machine_cannot_honour_is_refused_by_name(
    ecs: Any, definition: Any, refusal: Any, members: Any, named: str
) -> None:
    code, message = refusal(ecs.register_task_definition, **definition(**members))
    assert code == "InvalidParameterException"
    assert named in message
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"privileged": True}, "containerDefinitions[0].privileged"),
        ({"links": ["other"]}, "containerDefinitions[0].links"),
        ({"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}]}}, "linuxParameters.devices"),
        ({"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}}, "the capability NET_ADMIN"),
        ({"resourceRequirements": [{"type": "GPU", "value": "1"}]}, "resourceRequirements"),
        ({"secrets": [{"name": "A", "valueFrom": "arn"}]}, "secrets"),
        ({"logConfiguration": {"logDriver": "splunk"}}, "The log driver 'splunk' of container"),
    ],
)
def test_container_members_that_cannot_be_honoured_are_refused_by_name(
    ecs: Any, definition: Any, refusal: Any, members: Any, named: str
) -> None:
    assert named in refusal(ecs.register_task_definition, **definition("api", members))[1]


def test_members_that_ask_for_nothing_are_accepted(register: Any) -> None:
    nothing = {"privileged": False, "links": [], "mountPoints": [], "volumesFrom": [], "secrets": [], "ulimits": []}
    assert register("api", nothing, volumes=[], placementConstraints=[])["revision"] == 1
