"""What every request meets before and after its operation."""

import re
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from moorage.api.app import Endpoint, _read_body
from moorage.api.support_table import Supported, SupportTable
from moorage.wire.faults import Rejected
from moorage.wire.message import Request, Response
from moorage.wire.sigv4 import KeyPair

Refused = Callable[..., tuple[str, str, int]]
JSON = "application/x-amz-json-1.1"
LIST = {"x-amz-target": "Route53AutoNaming_v20170314.ListNamespaces", "content-type": JSON}


@pytest.fixture(scope="module")
def served(serve: Any) -> Any:
    return serve()


def test_an_answer_has_a_request_id_and_one_date(served: Any) -> None:
    answer = served.post(headers=LIST, content=b"{}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-amzn-requestid"])
    assert len(answer.headers.get_list("date")) == 1
    assert served.post(headers=LIST, content=b"{}").headers["x-amzn-requestid"] != answer.headers["x-amzn-requestid"]


def test_json_1_0_is_answered_in_kind(served: Any) -> None:
    answer = served.post(headers={**LIST, "content-type": "application/x-amz-json-1.0"}, content=b"{}")
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"


def test_health_says_running_and_the_version(served: Any) -> None:
    answer = httpx.get(served.url + "/_moorage/health")
    assert answer.json() == {"status": "running", "version": "test"}
    assert httpx.post(served.url + "/_moorage/health").status_code == 405
    assert httpx.get(served.url + "/_moorage/nothing").status_code == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-target": "Quantum.Entangle"}, "UnknownOperationException"),
        ({"x-amz-target": "Route53AutoNaming_v20170314.Nothing"}, "UnknownOperationException"),
        ({"x-amz-target": "AmazonSSM"}, "UnknownOperationException"),
        ({"x-amz-target": "AmazonSSM.", "authorization": "Bearer x"}, "IncompleteSignature"),
        (
            {"x-amz-target": "AmazonSSM.GetParameter", "authorization": "AWS4-HMAC-SHA256 Credential=x"},
            "IncompleteSignature",
        ),
    ],
)
def test_a_target_that_names_nothing_is_refused(served: Any, headers: dict[str, str], code: str) -> None:
    answer = served.post(headers={"content-type": JSON, **headers}, content=b"{}")
    assert (answer.status_code, answer.json()["__type"]) == (400, code)


def test_a_request_that_names_no_service_is_refused(served: Any) -> None:
    answer = httpx.get(served.url + "/")
    assert answer.status_code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in answer.text


def test_a_service_that_there_is_not_is_refused_by_name(served: Any, refused: Refused) -> None:
    code, message, _ = refused(served.client("sqs").list_queues)
    assert "'sqs' is not supported by Moorage" in message
    assert code == "UnknownOperationException"
    assert refused(served.client("sns").list_topics)[2] == 400


def test_an_operation_that_is_not_served_is_refused_with_a_code_that_it_has(served: Any, refused: Refused) -> None:
    code, message, _ = refused(served.client("ecs").list_daemons, clusterArn="c")
    assert code == "UnsupportedFeatureException"
    assert message.startswith("The operation ListDaemons of ecs is not supported by Moorage")


def test_a_body_over_one_mebibyte_is_refused_in_every_protocol(served: Any) -> None:
    limit = 1 << 20
    answer = served.post(headers=LIST, content=b" " * (limit - 2) + b"{}")
    assert answer.status_code == 200
    answer = served.post(headers=LIST, content=b" " * limit + b"{}")
    assert (answer.status_code, answer.json()["__type"]) == (413, "RequestEntityTooLarge")
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = served.post(headers=form, content=b"Action=GetCallerIdentity&x=" + b"a" * limit)
    assert answer.status_code == 413
    assert "<Code>RequestEntityTooLarge</Code>" in answer.text


def test_a_streamed_body_is_counted_and_its_sender_reads_the_refusal(served: Any) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"[" * (1 << 18)

    answer = served.post(headers=LIST, content=chunks())
    assert answer.status_code == 413


def test_a_deep_body_is_refused(served: Any) -> None:
    answer = served.post(headers=LIST, content=b'{"Filters":' + b"[" * 100 + b"]" * 100 + b"}")
    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")
    assert "deeper than 64" in answer.json()["message"]


def test_a_body_that_ends_early_does_nothing(served: Any) -> None:
    before = served.world().sequence
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 500\r\n"
            b"X-Amz-Target: Route53AutoNaming_v20170314.CreateHttpNamespace\r\n\r\n" + b'{"Name":"half"}'
        )
    assert served.post(headers=LIST, content=b"{}").status_code == 200
    assert served.world().sequence == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://rebound.example:4566", "host": "rebound.example:4566"},
        {"sec-fetch-site": "same-origin", "host": "rebound.example:4566"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/_moorage/health"])
def test_web_pages_of_other_origins_are_refused(served: Any, headers: dict[str, str], path: str) -> None:
    answer = httpx.post(served.url + path, headers={**LIST, **headers}, content=b"{}")
    assert (answer.status_code, answer.json()["__type"]) == (403, "AccessDeniedException")


def test_pages_of_the_endpoint_itself_are_answered(served: Any) -> None:
    own = {**LIST, "origin": served.url, "sec-fetch-site": "same-origin"}
    assert served.post(headers=own, content=b"{}").status_code == 200


def test_a_handler_s_hint_is_a_header_without_line_breaks(serve: Any) -> None:
    async def hinting(ctx: Any, _given: Any) -> dict[str, Any]:
        ctx.hint("try\r\nX-Injected: ✓")
        return {"Namespaces": []}

    served = serve(SupportTable({"servicediscovery": {"ListNamespaces": Supported(hinting)}}))
    answer = served.post(headers=LIST, content=b"{}")
    assert answer.headers["x-moorage-hint"] == "try X-Injected: ?"
    assert "x-injected" not in answer.headers


KEYS = KeyPair("AKIAMOORAGE", "secret/+")


def test_beyond_loopback_every_request_must_be_signed_with_the_key_pair(serve: Any, refused: Refused) -> None:
    served = serve(endpoint=Endpoint("test", keys=KEYS))
    good = served.client("servicediscovery", account=KEYS.access_key, secret=KEYS.secret_key)
    assert good.list_namespaces()["Namespaces"] == []
    assert served.client("sts", account=KEYS.access_key, secret=KEYS.secret_key).get_caller_identity()
    wrong = served.client("servicediscovery", account=KEYS.access_key, secret="guess")
    assert refused(wrong.list_namespaces)[::2] == ("InvalidSignatureException", 403)
    assert refused(served.client("sts").get_caller_identity)[0] == "UnrecognizedClientException"
    assert served.post(headers=LIST, content=b"{}").json()["__type"] == "MissingAuthenticationToken"
    assert httpx.post(served.url + "/_moorage/reset").status_code == 403
    assert httpx.get(served.url + "/_moorage/health").status_code == 200


def test_a_mounted_application_is_behind_the_same_checks_and_gets_the_body(serve: Any) -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode() + b" " + body})

    served = serve(endpoint=Endpoint("test", mounts={"/_moorage/echo": echo}))
    url = served.url + "/_moorage/echo/x"
    assert httpx.post(url, content=b"hello").text == "/_moorage/echo/x hello"
    assert httpx.post(url, content=b"hello", headers={"origin": "http://evil.example"}).status_code == 403
    assert httpx.post(url, content=b" " * ((1 << 20) + 1)).status_code == 413


def test_requests_for_supporting_services_pass_through_as_they_are(serve: Any, refused: Refused) -> None:
    passed: list[tuple[str, Request]] = []

    async def forward(service: str, request: Request) -> Response:
        passed.append((service, request))
        body = (
            b'<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            b"<vpcSet><item><vpcId>vpc-7</vpcId></item></vpcSet></DescribeVpcsResponse>"
        )
        return Response(200, (("Content-Type", "text/xml"), ("Date", "long ago"), ("Content-Length", "1")), body)

    served = serve(forward=forward)
    assert served.client("ec2").describe_vpcs()["Vpcs"] == [{"VpcId": "vpc-7"}]
    service, request = passed[0]
    assert service == "ec2"
    assert b"Action=DescribeVpcs" in request.body
    assert "/eu-west-1/ec2/aws4_request" in request.header("authorization")
    without = refused(serve().client("ec2").describe_vpcs)
    assert without[::2] == ("ServiceUnavailable", 503)


def test_a_websocket_is_for_mounts_alone_and_behind_the_same_checks(serve: Any) -> None:
    async def greet(_scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        await send({"type": "websocket.close"})

    served = serve(endpoint=Endpoint("test", mounts={"/_moorage/greet": greet}))
    url = f"ws://127.0.0.1:{served.port}"
    with connect(url + "/_moorage/greet") as socket:
        assert socket.recv() == "hello"
    for path, origin in (("/_moorage/greet", "http://evil.example"), ("/_moorage/other", None), ("/", None)):
        with pytest.raises(InvalidStatus), connect(url + path, origin=origin):
            raise AssertionError("the connection was accepted")


async def test_an_oversized_stream_is_refused_in_little_memory() -> None:
    chunk, sent = b"x" * (1 << 16), []

    async def receive() -> dict[str, Any]:
        sent.append(1)
        return {"type": "http.request", "body": bytes(chunk), "more_body": len(sent) < 800}

    tracemalloc.start()
    with pytest.raises(Rejected):
        await _read_body({}, receive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(sent) == 800
