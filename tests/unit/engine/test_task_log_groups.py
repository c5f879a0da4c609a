"""A task whose log group is missing does not start, and says so as ECS does; one that may be made is made."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import OperationFailed, Unavailable
from moorage.engine.task_log_groups import TaskLogGroups
from moorage.engine.task_secrets import CannotInitialize
from worlds import CLUSTER, HOME, NOON

MISSING = OperationFailed(
    "logs", "DescribeLogStreams", "ResourceNotFoundException", "The specified log group does not exist.", 400
)
TAKEN = OperationFailed("logs", "CreateLogGroup", "ResourceAlreadyExistsException", "It exists.", 400)


class Logs:
    """Has one group in each region that it is given."""

    def __init__(self, *groups: tuple[str, str]) -> None:
        self.groups = set(groups)
        self.down = False

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (account, service) == (HOME[0], "logs")
        if self.down:
            raise OperationFailed(service, operation, "ServiceUnavailableException", "Later.", 503)
        group = (region, arguments["logGroupName"])
        if operation == "CreateLogGroup":
            if group in self.groups:
                raise TAKEN
            self.groups.add(group)
        elif group not in self.groups:
            raise MISSING
        return {}


def logging(*options: dict[str, str]) -> TaskDefinition:
    containers = [
        {"name": f"c{number}", "image": "i", "logConfiguration": {"logDriver": "awslogs", "options": each}}
        for number, each in enumerate(options)
    ]
    quiet = {"name": "quiet", "image": "i", "logConfiguration": {"logDriver": "json-file"}}
    return TaskDefinition(*HOME, "f", 1, "ACTIVE", NOON, "", {"containerDefinitions": [*containers, quiet]})


def options(group: str, region: str = "eu-west-1", **more: str) -> dict[str, str]:
    return {"awslogs-group": group, "awslogs-region": region, **more}


TASK = Task(*HOME, CLUSTER, "1" * 32, NOON, logging().key, "g", "FARGATE")


async def test_groups_that_are_there_are_no_hindrance() -> None:
    await TaskLogGroups(Logs(("eu-west-1", "/g"))).check(TASK, logging(options("/g"), options("/g")), None)
    await TaskLogGroups(None).check(TASK, logging(), None)


@pytest.mark.parametrize(
    ("launch_type", "begins"),
    [
        ("FARGATE", "ResourceInitializationError: failed to validate logger args: "),
        ("EC2", "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "),
    ],
)
async def test_a_missing_group_is_told_in_the_words_of_ecs(launch_type: str, begins: str) -> None:
    logs = Logs(("us-east-1", "/g"))
    with pytest.raises(CannotInitialize) as refusal:
        await TaskLogGroups(logs).check(replace(TASK, launch_type=launch_type), logging(options("/g")), None)
    assert refusal.value.reason.startswith(begins)
    assert "ResourceNotFoundException: The specified log group does not exist." in refusal.value.reason
    assert logs.groups == {("us-east-1", "/g")}


async def test_a_group_is_made_where_one_container_asks_for_it() -> None:
    logs = Logs()
    asking = options("/g", **{"awslogs-create-group": "true"})
    await TaskLogGroups(logs).check(TASK, logging(options("/g"), asking), None)
    await TaskLogGroups(logs).check(TASK, logging(asking), None)
    assert logs.groups == {("eu-west-1", "/g")}


async def test_logs_that_do_not_answer_are_asked_again_later() -> None:
    logs = Logs()
    logs.down = True
    with pytest.raises(Unavailable):
        await TaskLogGroups(logs).check(TASK, logging(options("/g")), None)
