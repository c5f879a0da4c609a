"""The Operations port: what a stack calls is what a client calls."""

from typing import Any

import httpx
import pytest

from moorage.api import operations
from moorage.api.dispatch import ATTEMPTS, Dispatcher
from moorage.api.support_table import Supported, SupportTable
from moorage.domain.changes import Stale
from moorage.engine.ports import OperationFailed
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds
from moorage.wire.message import Request, Response

PLACE = ("123456789012", "eu-west-1")


def dispatcher(table: SupportTable | None = None, forward: Any = None) -> Dispatcher:
    return Dispatcher(table or operations.table(), MemoryStore(), SystemClock(), SystemIds(), forward)


async def test_a_call_is_answered_with_the_operation_s_output() -> None:
    calls = dispatcher()
    await calls.call(*PLACE, "ssm", "PutParameter", {"Name": "a", "Value": "b", "Type": "String"})
    found = await calls.call(*PLACE, "ssm", "GetParameter", {"Name": "a"})
    assert found["Parameter"]["Value"] == "b"


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("ssm", "GetParameter", {"Name": "none"}, "ParameterNotFound"),
        ("ssm", "GetParameter", {}, "ValidationException"),
        ("ssm", "GetParameter", {"Name": "a", "Colour": 1}, "ValidationException"),
        ("ssm", "CancelCommand", {"CommandId": "x"}, "UnknownOperationException"),
        ("nothing", "Nothing", {}, "UnknownOperationException"),
        ("servicediscovery", "GetNamespace", {"Id": "ns-x"}, "NamespaceNotFound"),
        ("ec2", "DescribeVpcs", {}, "ServiceUnavailable"),
    ],
)
async def test_a_refusal_is_raised_with_its_code(
    service: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    with pytest.raises(OperationFailed) as caught:
        await dispatcher().call(*PLACE, service, operation, arguments)
    assert (caught.value.service, caught.value.operation, caught.value.code) == (service, operation, code)
    assert caught.value.message


async def test_a_supporting_service_is_asked_as_an_sdk_would() -> None:
    asked: list[Request] = []

    async def forward(_service: str, request: Request) -> Response:
        asked.append(request)
        if b"CidrBlock=bad" in request.body:
            return Response(
                400,
                (("content-type", "text/xml"),),
                b"<Response><Errors><Error><Code>InvalidParameterValue</Code><Message>bad</Message></Error></Errors>"
                b"<RequestID>r</RequestID></Response>",
            )
        return Response(
            200,
            (("content-type", "text/xml"),),
            b"<CreateVpcResponse><requestId>r</requestId><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>",
        )

    calls = dispatcher(forward=forward)
    answer = await calls.call(*PLACE, "ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"})
    assert answer == {"Vpc": {"VpcId": "vpc-1"}}
    assert b"Action=CreateVpc" in asked[0].body
    assert "Credential=123456789012/" in asked[0].header("authorization")
    with pytest.raises(OperationFailed) as caught:
        await calls.call(*PLACE, "ec2", "CreateVpc", {"CidrBlock": "bad"})
    assert (caught.value.code, caught.value.message, caught.value.status) == ("InvalidParameterValue", "bad", 400)


async def test_a_stale_commit_is_tried_again_from_the_start_and_not_for_ever() -> None:
    tries: list[int] = []
    fails = 3

    async def overtaken(_ctx: Any, _given: Any) -> dict[str, Any]:
        tries.append(1)
        if len(tries) <= fails:
            raise Stale(("t", ("k",)), 1, 2)
        return {"Account": "x"}

    calls = dispatcher(SupportTable({"sts": {"GetCallerIdentity": Supported(overtaken)}}))
    assert await calls.call(*PLACE, "sts", "GetCallerIdentity", {}) == {"Account": "x"}
    assert len(tries) == fails + 1
    fails, tries = 10_000, []
    with pytest.raises(OperationFailed) as caught:
        await calls.call(*PLACE, "sts", "GetCallerIdentity", {})
    assert (caught.value.status, len(tries)) == (503, ATTEMPTS)


async def test_regions_and_accounts_are_worlds_of_their_own() -> None:
    calls = dispatcher()
    await calls.call(*PLACE, "ssm", "PutParameter", {"Name": "a", "Value": "b", "Type": "String"})
    for place in ((PLACE[0], "us-east-1"), ("000000000000", PLACE[1])):
        with pytest.raises(OperationFailed):
            await calls.call(*place, "ssm", "GetParameter", {"Name": "a"})


def test_these_tests_notice_an_answer_that_the_model_does_not_have(serve: Any) -> None:
    async def wrong(_ctx: Any, _given: Any) -> dict[str, Any]:
        return {"Account": None, "Colour": "red"}

    served = serve(SupportTable({"sts": {"GetCallerIdentity": Supported(wrong)}}))
    assert httpx.get(served.url + "/?Action=GetCallerIdentity&Version=2011-06-15").status_code == 500
