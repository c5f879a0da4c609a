"""Who a caller is, and roles that are assumed: IAM is a table here, with the roles of two accounts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from moorage.api.app import Endpoint
from moorage.wire import credentials
from moorage.wire.message import Request, Response
from moorage.wire.sigv4 import KeyPair

ACCOUNT, OTHER = "123456789012", "210987654321"
ANYONE = {"Principal": {"AWS": ACCOUNT}}
ROLES: dict[tuple[str, str], dict[str, Any]] = {
    (ACCOUNT, "deploy"): {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
    (ACCOUNT, "closed"): {"Principal": {"Service": "ecs-tasks.amazonaws.com"}},
    (ACCOUNT, "chained"): {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/ops/deploy"}},
    (ACCOUNT, "partner"): {**ANYONE, "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}},
    (OTHER, "across"): ANYONE,
}
PATHS = {"deploy": "/ops/"}


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role{PATHS.get(name, '/')}{name}"


async def iam(service: str, request: Request) -> Response:
    """GetRole, and what else is asked of it: whom it takes the caller for."""
    scope = credentials.scope(request)
    assert scope is not None
    name = parse_qs(request.body.decode()).get("RoleName", [""])[0]
    found = ROLES.get((scope.account, name))
    if found is None:
        error = f"<Error><Code>NoSuchEntity</Code><Message>{service} of {scope.account}</Message></Error>"
        return Response(404, (), f"<ErrorResponse>{error}</ErrorResponse>".encode())
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **found}
    document = escape(quote(json.dumps({"Version": "2012-10-17", "Statement": [statement]})))
    role = (
        f"<Role><RoleId>AROA{name.upper()}</RoleId><RoleName>{name}</RoleName><Arn>{arn(name, scope.account)}</Arn>"
        f"<AssumeRolePolicyDocument>{document}</AssumeRolePolicyDocument><MaxSessionDuration>7200</MaxSessionDuration>"
        "</Role>"
    )
    return Response(200, (), f"<GetRoleResponse><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>".encode())


class Clock:
    at = datetime.now(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(serve: Any, clock: Clock) -> Any:
    return serve(forward=iam, clock=clock)


def client_of(served: Any, keys: dict[str, Any], service: str = "sts") -> Any:
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=served.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


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


def test_who_assumed_a_role_speaks_for_it_in_its_account(served: Any, clock: Clock) -> None:
    for account, name in ((ACCOUNT, "deploy"), (OTHER, "across")):
        answer = served.client("sts", account=ACCOUNT).assume_role(RoleArn=arn(name, account), RoleSessionName="ci")
        user = {"AssumedRoleId": f"AROA{name.upper()}:ci", "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/ci"}
        assert answer["AssumedRoleUser"] == user
        keys = answer["Credentials"]
        assert keys["Expiration"] == clock.at.replace(microsecond=0) + timedelta(hours=1)
        mine = client_of(served, keys).get_caller_identity()
        assert (mine["UserId"], mine["Account"], mine["Arn"]) == (user["AssumedRoleId"], account, user["Arn"])
        client_of(served, keys, "ssm").put_parameter(Name=f"/of/{name}", Value="x", Type="String")
        assert served.client("ssm", account=account).get_parameter(Name=f"/of/{name}")["Parameter"]["Value"] == "x"
        with pytest.raises(ClientError, match=f"iam of {account}"):
            client_of(served, keys, "iam").get_role(RoleName="none")


def test_a_role_is_assumed_by_whom_its_trust_policy_names(served: Any, refused: Callable[..., Any]) -> None:
    sts = served.client("sts", account=ACCOUNT)
    for role in ("closed", "none", "partner"):
        code, message, status = refused(sts.assume_role, RoleArn=arn(role), RoleSessionName="s1")
        assert (code, status) == ("AccessDenied", 403)
        assert message == (
            f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: {arn(role)}"
        )
    assert refused(served.client("sts", account=OTHER).assume_role, RoleArn=arn("deploy"), RoleSessionName="s1")
    assert sts.assume_role(RoleArn=arn("partner"), RoleSessionName="s1", ExternalId="secret")["Credentials"]
    keys = sts.assume_role(RoleArn=arn("deploy"), RoleSessionName="s1")["Credentials"]
    chained = client_of(served, keys)
    assert chained.assume_role(RoleArn=arn("chained"), RoleSessionName="s2", DurationSeconds=3600)["Credentials"]
    code, message, _ = refused(chained.assume_role, RoleArn=arn("chained"), RoleSessionName="s2", DurationSeconds=3601)
    assert (code, "role chaining" in message) == ("ValidationError", True)
    code, message, _ = refused(sts.assume_role, RoleArn=arn("deploy"), RoleSessionName="s1", DurationSeconds=7201)
    assert (code, "MaxSessionDuration" in message) == ("ValidationError", True)
    assert refused(sts.assume_role, RoleArn="arn:aws:iam::1:user/xxxxxx", RoleSessionName="s1")[0] == "ValidationError"


def test_temporary_credentials_end_and_are_nothing_without_their_token(
    served: Any, clock: Clock, refused: Callable[..., Any]
) -> None:
    keys = served.client("sts", account=ACCOUNT).get_session_token(DurationSeconds=7200)["Credentials"]
    mine = client_of(served, keys)
    assert mine.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert refused(mine.get_session_token)[::2] == ("AccessDenied", 403)
    other = client_of(served, {**keys, "SessionToken": "x"})
    assert refused(other.get_caller_identity)[::2] == ("UnrecognizedClientException", 403)
    clock.at += timedelta(minutes=59)
    assert mine.get_caller_identity()
    clock.at += timedelta(minutes=1)
    assert refused(mine.get_caller_identity)[::2] == ("ExpiredTokenException", 403)
    assert served.client("sts", account=ACCOUNT).get_session_token()
    # Those that are over went when others were made; their access key is now any other.
    assert mine.get_caller_identity()["Account"] == "000000000000"


def test_an_access_key_tells_its_account(served: Any) -> None:
    sts = served.client("sts", account=ACCOUNT)
    keys = sts.get_session_token()["Credentials"]
    assert sts.get_access_key_info(AccessKeyId=keys["AccessKeyId"])["Account"] == ACCOUNT
    assert sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")["Account"] == "000000000000"


def test_beyond_loopback_temporary_credentials_sign_as_well(serve: Any, refused: Callable[..., Any]) -> None:
    pair = KeyPair("AKIAMOORAGE", "secret/+")
    served = serve(endpoint=Endpoint("test", keys=pair))
    sts = served.client("sts", account=pair.access_key, secret=pair.secret_key)
    keys = sts.get_session_token()["Credentials"]
    assert client_of(served, keys).get_caller_identity()["Account"] == "000000000000"
    forged = client_of(served, {**keys, "SecretAccessKey": "guess"})
    assert refused(forged.get_caller_identity)[0] == "InvalidSignatureException"
    assert refused(client_of(served, {**keys, "SessionToken": "x"}).get_caller_identity)[2] == 403


def test_tokens_of_other_identity_providers_are_refused_by_name(served: Any, refused: Callable[..., Any]) -> None:
    given = {"RoleArn": arn("deploy"), "RoleSessionName": "s1", "WebIdentityToken": "token"}
    code, message, status = refused(served.client("sts").assume_role_with_web_identity, **given)
    assert (code, status) == ("InvalidAction", 400)
    assert "use AssumeRole" in message
