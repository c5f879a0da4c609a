from collections.abc import Callable
from typing import Any

import httpx


def test_the_caller_is_the_root_user_of_the_account_that_the_access_key_names(serve: Any) -> None:
    served = serve()
    answer = served.client("sts", account="210987654321").get_caller_identity()
    assert (answer["Account"], answer["UserId"]) == ("210987654321", "210987654321")
    assert answer["Arn"] == "arn:aws:iam::210987654321:root"


def test_any_other_access_key_is_the_account_of_zeros(serve: Any) -> None:
    assert serve().client("sts", account="test").get_caller_identity()["Account"] == "000000000000"


def test_an_unsigned_get_is_answered_on_loopback(serve: Any) -> None:
    url = serve().url + "/?Action=GetCallerIdentity&Version=2011-06-15"
    answer = httpx.get(url)
    assert answer.status_code == 200
    assert "<Account>000000000000</Account>" in answer.text


def test_assuming_a_role_is_refused_by_name(serve: Any, refused: Callable[..., Any]) -> None:
    sts = serve().client("sts")
    code, message, status = refused(sts.assume_role, RoleArn="arn:aws:iam::1:role/x" * 2, RoleSessionName="s1")
    assert (code, status) == ("InvalidAction", 400)
    assert "AssumeRole" in message
