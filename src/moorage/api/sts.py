"""STS: who the caller is, and credentials of roles that IAM knows.

Without such credentials every caller is the root user of the account that the access key names. Tokens of other
identity providers are not understood: those operations are refused by name.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from moorage.api import sessions
from moorage.api.context import RequestContext
from moorage.api.support_table import Supported
from moorage.domain import role_session, task_role
from moorage.engine.ports import OperationFailed
from moorage.wire.credentials import account_of
from moorage.wire.faults import Rejected, reject

HOUR: Final = 3600
_RECORDED: Final = ("Policy", "PolicyArns", "Tags", "TransitiveTagKeys")
_CONDITIONS: Final = "Conditions of the trust policy other than equality of sts:ExternalId were taken to hold."
_ROLE = re.compile(r"arn:[a-z-]+:iam::\d{12}:role/.+", re.ASCII)

REASONS: Final[Mapping[str, str]] = dict.fromkeys(
    ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetWebIdentityToken", "GetDelegatedAccessToken"),
    "there is no identity provider that could vouch for a token: use AssumeRole",
) | {
    "AssumeRoot": "there is no organization of accounts",
    "DecodeAuthorizationMessage": "no request is refused by a policy, so there is no such message",
    "GetFederationToken": "policies are not evaluated, and its session is nothing but its policy: use AssumeRole",
}


async def get_caller_identity(ctx: RequestContext, _input: dict[str, Any]) -> dict[str, Any]:
    session = ctx.session
    if session is None:
        return {"UserId": ctx.account, "Account": ctx.account, "Arn": role_session.root(ctx.account)}
    return {"UserId": session.user_id, "Account": session.account, "Arn": session.arn}


async def assume_role(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    arn, caller = given["RoleArn"], role_session.root(ctx.account) if ctx.session is None else ctx.session.arn
    role = await _role(ctx, arn, caller)
    document: str = role["AssumeRolePolicyDocument"]
    if not role_session.trusts(document, caller, given.get("ExternalId")):
        raise _denied(caller, arn)
    seconds = given.get("DurationSeconds", HOUR)
    _check_duration(seconds, role.get("MaxSessionDuration", HOUR), chained=ctx.session is not None)
    if "Condition" in document:
        ctx.hint(_CONDITIONS)
    begun = await sessions.begin(
        ctx.store,
        ctx.clock,
        ctx.ids,
        timedelta(seconds=seconds),
        account=arn.split(":")[4],
        region=ctx.region,
        role=arn,
        role_id=role["RoleId"],
        name=given["RoleSessionName"],
        source_identity=given.get("SourceIdentity", ""),
        request={name: given[name] for name in _RECORDED if name in given},
    )
    answer = {
        "Credentials": sessions.shown(begun),
        "AssumedRoleUser": {"AssumedRoleId": begun.user_id, "Arn": begun.arn},
    }
    return answer | ({"SourceIdentity": begun.source_identity} if begun.source_identity else {})


async def _role(ctx: RequestContext, arn: str, caller: str) -> dict[str, Any]:
    """What IAM of the role's account says of it."""
    if not _ROLE.fullmatch(arn):
        raise reject("ValidationError", f"{arn} is invalid")
    account = arn.split(":")[4]
    asked = {"RoleName": task_role.name(arn, account)}
    try:
        role: dict[str, Any] = (await ctx.operations.call(account, ctx.region, "iam", "GetRole", asked))["Role"]
    except OperationFailed as error:
        if error.status >= 500:
            raise reject("ServiceUnavailable", f"IAM: {error.message}", 503) from error
        raise _denied(caller, arn) from error
    if role["Arn"] != arn:
        raise _denied(caller, arn)
    return role


def _denied(caller: str, arn: str) -> Rejected:
    sentence = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    return reject("AccessDenied", sentence, 403, hint="The role must exist, and its trust policy must name the caller.")


def _check_duration(seconds: int, most: int, chained: bool) -> None:
    if chained and seconds > HOUR:
        raise reject(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        )
    if seconds > most:
        raise reject(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


async def get_session_token(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    if ctx.session is not None:
        raise reject("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    # Every caller is the root user, whose sessions last an hour at most, whatever is asked for.
    lifetime = timedelta(seconds=min(HOUR, given.get("DurationSeconds", HOUR)))
    begun = await sessions.begin(ctx.store, ctx.clock, ctx.ids, lifetime, account=ctx.account, region=ctx.region)
    return {"Credentials": sessions.shown(begun)}


async def get_access_key_info(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    """The account that this endpoint takes the key for."""
    key = given["AccessKeyId"]
    session = sessions.of_key(ctx.store, key)
    return {"Account": session.account if session is not None else account_of(key)}


OPERATIONS = {
    "GetCallerIdentity": Supported(get_caller_identity),
    "AssumeRole": Supported(
        assume_role,
        real="RoleArn RoleSessionName DurationSeconds ExternalId SourceIdentity",
        recorded="Policy PolicyArns.* Tags.* TransitiveTagKeys",
    ),
    "GetSessionToken": Supported(get_session_token, real="DurationSeconds"),
    "GetAccessKeyInfo": Supported(get_access_key_info, real="AccessKeyId"),
}
