"""Whom the trust policy of a role lets assume it, and what an access key holds."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import role_session

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s"


def trusts(statement: dict[str, Any], caller: str = ROOT, external_id: str | None = None) -> bool:
    whole = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    return role_session.trusts(json.dumps({"Statement": whole}), caller, external_id)


@pytest.mark.parametrize(
    ("principal", "root", "session"),
    [
        ("*", True, True),
        ({"AWS": "*"}, True, True),
        ({"AWS": [ACCOUNT]}, True, True),
        ({"AWS": ROOT}, True, True),
        ({"AWS": SESSION}, True, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/path/app"}, True, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, True, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/app"}, True, False),
        ({"AWS": "210987654321"}, False, False),
        ({"AWS": "arn:aws:iam::210987654321:root"}, False, False),
        ({"Service": "ecs-tasks.amazonaws.com"}, False, False),
        ({}, False, False),
    ],
)
def test_a_principal_is_the_caller_or_not(principal: Any, root: bool, session: bool) -> None:
    assert trusts({"Principal": principal}) is root
    assert trusts({"Principal": principal}, SESSION) is session


@pytest.mark.parametrize(
    ("condition", "external_id", "holds"),
    [
        ({"StringEquals": {"sts:ExternalId": "x"}}, "x", True),
        ({"StringEquals": {"sts:ExternalId": ["w", "x"]}}, "x", True),
        ({"StringEquals": {"sts:externalId": "x"}}, "y", False),
        ({"StringEquals": {"sts:ExternalId": "x"}}, None, False),
        ({"StringEqualsIfExists": {"sts:ExternalId": "x"}}, None, True),
        ({"StringEqualsIfExists": {"sts:ExternalId": "x"}}, "y", False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, None, True),
    ],
)
def test_the_external_id_is_asked_for(condition: Any, external_id: str | None, holds: bool) -> None:
    assert trusts({"Principal": "*", "Condition": condition}, external_id=external_id) is holds


@pytest.mark.parametrize("statement", [{"Effect": "Deny"}, {"Action": "sts:TagSession"}])
def test_other_statements_allow_nothing(statement: dict[str, Any]) -> None:
    assert not trusts({"Principal": "*", **statement})
    assert not role_session.trusts("no json", ROOT, None)


@given(st.integers(0, 999_999_999_999), st.integers(0, (1 << 128) - 1))
def test_an_access_key_holds_its_account_as_those_of_aws_do(account: int, random: int) -> None:
    key = role_session.new_access_key(f"{account:012}", f"{random:032x}")
    assert len(key) == 20
    front = int.from_bytes(base64.b32decode(key[4:])[:6], "big")
    assert (front & 0x7FFFFFFFFF80) >> 7 == account
