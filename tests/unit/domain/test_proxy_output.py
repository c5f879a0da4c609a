"""What a configuration may ask of its proxies' output, and what is refused by name."""

from typing import Any

import pytest

from moorage.domain import proxy_output
from moorage.domain.errors import InvalidParameter

OPTIONS = {"awslogs-group": "/g", "awslogs-region": "eu-west-1"}
AWSLOGS = {"logDriver": "awslogs", "options": OPTIONS}


def test_an_access_log_is_read_and_keeps_no_query_unless_asked() -> None:
    assert proxy_output.access_log({"accessLogConfiguration": {"format": "JSON"}}) == proxy_output.AccessLog(
        "JSON", False
    )
    asked = {"accessLogConfiguration": {"format": "TEXT", "includeQueryParameters": "ENABLED"}}
    assert proxy_output.access_log(asked) == proxy_output.AccessLog("TEXT", True)
    assert proxy_output.access_log({}) is None
    assert proxy_output.access_log(None) is None


def test_the_log_level_is_info_unless_an_entry_says_otherwise() -> None:
    assert proxy_output.log_level({"containerConfigurations": [{"logLevel": "debug"}]}) == "debug"
    assert proxy_output.log_level({}) == "info"


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        ({"accessLogConfiguration": {"format": "TEXT"}}, "accessLogConfiguration requires a logConfiguration"),
        ({"logConfiguration": {"logDriver": "awslogs"}}, "requires options: awslogs-group"),
        ({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}}, "awslogs-region"),
        ({"containerConfigurations": [{}]}, "exactly one member"),
        ({"containerConfigurations": [{"logLevel": "info"}, {"logLevel": "debug"}]}, "more than once"),
    ],
)
def test_what_does_not_fit_together_is_refused(connect: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        proxy_output.check(connect)


def test_what_fits_together_is_accepted() -> None:
    proxy_output.check({"accessLogConfiguration": {"format": "TEXT"}, "logConfiguration": AWSLOGS})
    proxy_output.check({"logConfiguration": {"logDriver": "json-file"}, "containerConfigurations": []})
