"""Which roles a task needs, and when ECS may act under one."""

import json
from urllib.parse import quote

import pytest

from moorage.domain import task_role
from worlds import definition

ACCOUNT = "111122223333"
ARN = f"arn:aws:iam::{ACCOUNT}:role/app"


def policy(**statement: object) -> str:
    whole = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": {**whole, **statement}})


def test_overrides_go_before_the_definition_and_a_role_counts_once() -> None:
    named = definition(taskRoleArn="a", executionRoleArn="b")
    assert task_role.of(named, {}) == ("b", "a")
    assert task_role.of(named, {"taskRoleArn": "b"}) == ("b",)
    assert task_role.of(definition(), {}) == ()


def test_a_name_stands_for_a_role_of_the_account() -> None:
    assert task_role.arn("app", ACCOUNT) == ARN
    assert task_role.arn(ARN, "0") == ARN


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (ARN, "app"),
        (f"arn:aws:iam::{ACCOUNT}:role/path/to/app", "app"),
        ("arn:aws:iam::000000000000:role/app", ""),
        (f"arn:aws:iam::{ACCOUNT}:user/app", ""),
        ("arn:nonsense", ""),
    ],
)
def test_iam_knows_a_role_of_its_own_account_by_name(arn: str, name: str) -> None:
    assert task_role.name(arn, ACCOUNT) == name


@pytest.mark.parametrize(
    "document",
    [
        policy(),
        quote(policy()),
        policy(
            Principal={"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}, Action=["sts:TagSession", "sts:*"]
        ),
        policy(Principal="*"),
        json.dumps({"Statement": [json.loads(policy(Effect="Deny"))["Statement"], json.loads(policy())["Statement"]]}),
    ],
)
def test_a_policy_that_names_ecs_trusts_it(document: str) -> None:
    assert task_role.trusts(document)


@pytest.mark.parametrize(
    "document",
    [
        policy(Principal={"Service": "ec2.amazonaws.com"}),
        policy(Principal={"AWS": "arn:aws:iam::111122223333:root"}),
        policy(Effect="Deny"),
        policy(Action="sts:TagSession"),
        "{}",
        "no json",
    ],
)
def test_a_policy_that_does_not_is_no_trust(document: str) -> None:
    assert not task_role.trusts(document)
