"""A mistake of ours is an answer in the caller's protocol, with a request id, and a line in the log."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import cbor2
import httpx
import pytest

from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import Supported, SupportTable
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

Refused = Callable[..., tuple[str, str, int]]


async def breaks(_ctx: Any, _given: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("a bug of ours")


@pytest.fixture(scope="module")
def served(serve: Any) -> Any:
    broken = Supported(breaks)
    return serve(
        SupportTable(
            {
                "ecs": {"ListServices": broken, "ListAccountSettings": broken},
                "ssm": {"DescribeParameters": broken},
                "servicediscovery": {"ListNamespaces": broken},
                "sts": {"GetCallerIdentity": broken},
                "cloudformation": {"ListStacks": broken},
            }
        )
    )


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ecs", "list_services", "ServerException"),
        ("ssm", "describe_parameters", "InternalServerError"),
        ("servicediscovery", "list_namespaces", "InternalFailure"),
        ("sts", "get_caller_identity", "InternalFailure"),
        ("cloudformation", "list_stacks", "InternalFailure"),
    ],
)
def test_a_handler_that_breaks_is_the_services_own_500(
    served: Any, refused: Refused, caplog: Any, service: str, operation: str, code: str
) -> None:
    with caplog.at_level(logging.ERROR):
        found, message, status = refused(getattr(served.client(service), operation))
    assert (found, status) == (code, 500)
    assert message.startswith("The request processing has failed")
    assert "a bug of ours" not in message
    assert "a bug of ours" in caplog.text


def test_the_request_id_of_the_answer_is_in_the_log(served: Any, caplog: Any) -> None:
    headers = {"smithy-protocol": "rpc-v2-cbor"}
    path = "/service/Route53AutoNaming_v20170314/operation/ListNamespaces"
    answer = httpx.post(served.url + path, headers=headers)
    assert answer.status_code == 500
    assert cbor2.loads(answer.content)["__type"] == "InternalFailure"
    assert answer.headers["x-amzn-requestid"] in caplog.text


async def test_work_after_an_answer_that_breaks_is_logged_and_holds_nothing_up(caplog: Any) -> None:
    dispatcher = Dispatcher(SupportTable({}), MemoryStore(), SystemClock(), SystemIds())

    async def work() -> None:
        raise KeyError("a bug of ours")

    dispatcher.later(work())
    await asyncio.wait_for(dispatcher.settle(), 5)
    assert "a bug of ours" in caplog.text
