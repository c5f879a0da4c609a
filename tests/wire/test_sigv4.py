"""botocore signs, we check."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from moorage.wire import sigv4
from moorage.wire.faults import Rejected
from moorage.wire.message import Request
from moorage.wire.sigv4 import KeyPair

KEYS = KeyPair("AKIAMOORAGE", "a/secret+key")
Signed = Callable[..., tuple[Request, datetime]]


@pytest.fixture
def signed() -> Signed:
    def make(
        url: str = "http://host.example:4566/", body: bytes = b'{"a":1}', keys: KeyPair = KEYS, service: str = "ecs"
    ) -> tuple[Request, datetime]:
        request = AWSRequest("POST", url, headers={"X-Amz-Target": "T.Op", "Content-Type": "x"}, data=body)
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        kind(Credentials(keys.access_key, keys.secret_key), service, "eu-west-1").add_auth(request)
        parts = urlsplit(url)
        headers = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": parts.netloc}
        now = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return Request("POST", parts.path, parts.query, headers, body, parts.path), now

    return make


def code_of(request: Request, now: datetime, keys: KeyPair = KEYS) -> str:
    with pytest.raises(Rejected) as caught:
        sigv4.check(request, keys, now)
    return caught.value.fault.code


@pytest.mark.parametrize(
    "url",
    [
        "http://host.example:4566/",
        "http://host.example/a/path%20with%20blanks/x%2Fy",
        "http://host.example/?b=2&a=1&a=0&empty=&sp=a%20b&sl=%2F",
    ],
)
@pytest.mark.parametrize("service", ["ecs", "iam"])
def test_a_request_signed_by_botocore_is_accepted(signed: Signed, url: str, service: str) -> None:
    request, now = signed(url, service=service)
    sigv4.check(request, KEYS, now)


def test_a_changed_body_header_path_or_query_is_refused(signed: Signed) -> None:
    good, now = signed()
    for changed in (
        Request("POST", "/", "", good.headers, b'{"a":2}', "/"),
        Request("POST", "/", "", {**good.headers, "x-amz-target": "T.Other"}, good.body, "/"),
        Request("POST", "/x", "", good.headers, good.body, "/x"),
        Request("POST", "/", "a=1", good.headers, good.body, "/"),
        Request("GET", "/", "", good.headers, good.body, "/"),
    ):
        assert code_of(changed, now) == "InvalidSignatureException"


def test_another_secret_and_another_access_key_are_refused(signed: Signed) -> None:
    assert code_of(*signed(keys=KeyPair(KEYS.access_key, "wrong"))) == "InvalidSignatureException"
    assert code_of(*signed(keys=KeyPair("AKIAOTHER", KEYS.secret_key))) == "UnrecognizedClientException"


def test_an_old_or_future_signature_is_refused(signed: Signed) -> None:
    request, now = signed()
    assert code_of(request, now + timedelta(minutes=16)) == "InvalidSignatureException"
    assert code_of(request, now - timedelta(minutes=16)) == "InvalidSignatureException"
    sigv4.check(request, KEYS, now + timedelta(minutes=14))


def test_an_unsigned_request_is_refused(signed: Signed) -> None:
    request, now = signed()
    bare = {name: value for name, value in request.headers.items() if name != "authorization"}
    assert code_of(Request("POST", "/", "", bare, request.body, "/"), now) == "MissingAuthenticationToken"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer x",
        "AWS4-HMAC-SHA256 nothing",
        "AWS4-HMAC-SHA256 Credential=AKIAMOORAGE/20261122/eu-west-1/ecs/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AKIAMOORAGE/x, SignedHeaders=host, Signature=0",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIAMOORAGE/20261122/ecs/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_a_malformed_authorization_is_refused(signed: Signed, header: str) -> None:
    request, now = signed()
    headers = {**request.headers, "authorization": header}
    assert code_of(Request("POST", "/", "", headers, request.body, "/"), now) == "IncompleteSignature"


def test_the_secret_is_not_shown_when_a_key_pair_is_printed() -> None:
    assert "secret" not in repr(KEYS).replace("secret_key", "")
