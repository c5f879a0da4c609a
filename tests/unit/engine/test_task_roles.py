"""A task whose role cannot be had does not start, and says so as ECS does."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from moorage.domain import task_role
from moorage.domain.task import Task
from moorage.engine.ports import OperationFailed, Unavailable
from moorage.engine.task_roles import TaskRoles
from moorage.engine.task_secrets import CannotInitialize
from worlds import CLUSTER, HOME, NOON, definition

TASK = Task(*HOME, CLUSTER, "1" * 32, NOON, definition().key, "g", "FARGATE")


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return quote(json.dumps({"Statement": [statement]}))


class Iam:
    """Knows two roles: `app` trusts ECS, `lambda` does not."""

    def __init__(self) -> None:
        self.trust = {"app": trust("ecs-tasks.amazonaws.com"), "lambda": trust("lambda.amazonaws.com")}
        self.down = False

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert (service, operation) == ("iam", "GetRole")
        if self.down:
            raise OperationFailed(service, operation, "ServiceUnavailable", "Later.", 503)
        name = arguments["RoleName"]
        if name not in self.trust:
            raise OperationFailed(service, operation, "NoSuchEntity", f"Role {name} not found", 404)
        return {"Role": {"Arn": task_role.arn(name, account), "AssumeRolePolicyDocument": self.trust[name]}}


async def test_roles_that_can_be_had_are_no_hindrance() -> None:
    await TaskRoles(Iam()).check(TASK, definition(taskRoleArn="app", executionRoleArn=task_role.arn("app", HOME[0])))
    await TaskRoles(None).check(TASK, definition())


@pytest.mark.parametrize("role", ["none", "lambda", "arn:aws:iam::999999999999:role/app", "arn:aws:iam::*:role/x/app"])
async def test_a_role_that_cannot_be_had_is_told_in_the_words_of_ecs(role: str) -> None:
    wanted = role.replace("*", HOME[0])
    with pytest.raises(CannotInitialize) as refusal:
        await TaskRoles(Iam()).check(TASK, definition(taskRoleArn=wanted))
    assert refusal.value.reason.startswith(f"ECS was unable to assume the role '{task_role.arn(wanted, HOME[0])}' that")


async def test_a_role_of_an_override_is_asked_for_instead() -> None:
    other = replace(TASK, overrides={"taskRoleArn": "app"})
    await TaskRoles(Iam()).check(other, definition(taskRoleArn="none"))


async def test_iam_that_does_not_answer_is_asked_again_later() -> None:
    iam = Iam()
    iam.down = True
    with pytest.raises(Unavailable):
        await TaskRoles(iam).check(TASK, definition(taskRoleArn="app"))
