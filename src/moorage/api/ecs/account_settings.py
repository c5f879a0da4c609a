"""Account settings: PutAccountSetting, PutAccountSettingDefault, ListAccountSettings, DeleteAccountSetting.

The caller is the root user, whose settings are the account's defaults; other principals override them for themselves.
"""

from collections.abc import Mapping
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import paging
from moorage.api.ecs.draft import Draft
from moorage.domain import arns
from moorage.domain.account_setting import AWS_MANAGED, VALUES, AccountSetting
from moorage.domain.errors import InvalidParameter
from moorage.domain.world import World


async def put_account_setting(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _put(ctx, arguments, _principal(ctx, arguments))


async def put_account_setting_default(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    return await _put(ctx, arguments, arns.root_user(ctx.account))


async def list_account_settings(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the principal set; with `effectiveSettings`, what holds for it, whoever set it."""
    world, principal = ctx.world(), _principal(ctx, arguments)
    if "value" in arguments and "name" not in arguments:
        raise InvalidParameter("A value can only be specified together with the name of its setting.")
    shown = {}
    for name in VALUES:
        own = world.get(AccountSetting, (ctx.account, ctx.region, principal, name))
        if own is None and not arguments.get("effectiveSettings", False):
            continue
        value = own.value if own is not None else effective(world, ctx.account, ctx.region, name)
        if arguments.get("name", name) == name and arguments.get("value", value) == value:
            shown[name] = _present(name, value, principal)
    found, more = paging.page(ctx, arguments, {name: name for name in shown})
    return {"settings": [shown[name] for name in found], **more}


async def delete_account_setting(ctx: RequestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Back to the account's default; the answer is what was deleted, or what holds where nothing was set."""
    name, principal = arguments["name"], _principal(ctx, arguments)
    _check_own(name)
    draft = Draft(ctx.world())
    found = draft.world.get(AccountSetting, (ctx.account, ctx.region, principal, name))
    if found is not None:
        draft.delete(found)
    world = await draft.commit(ctx.store)
    value = found.value if found is not None else effective(world, ctx.account, ctx.region, name)
    return {"setting": _present(name, value, principal)}


def effective(world: World, account: str, region: str, name: str) -> str:
    """What holds for those who set nothing themselves: the root user's setting, else AWS's."""
    default = world.get(AccountSetting, (account, region, arns.root_user(account), name))
    return default.value if default is not None else VALUES[name][0]


async def _put(ctx: RequestContext, arguments: Mapping[str, Any], principal: str) -> dict[str, Any]:
    name, value = arguments["name"], arguments["value"]
    _check_own(name)
    if value not in VALUES[name]:
        raise InvalidParameter(f"The value of {name} must be one of: {', '.join(sorted(VALUES[name]))}.")
    draft = Draft(ctx.world())
    draft.put(AccountSetting(ctx.account, ctx.region, principal, name, value))
    await draft.commit(ctx.store)
    return {"setting": _present(name, value, principal)}


def _check_own(name: str) -> None:
    if name not in VALUES:
        raise InvalidParameter(f"There is no account setting {name[:100]}.")
    if name in AWS_MANAGED:
        raise InvalidParameter(f"The account setting {name} is read-only: it is managed by AWS.")


def _principal(ctx: RequestContext, arguments: Mapping[str, Any]) -> str:
    given: str | None = arguments.get("principalArn")
    if given is None:
        return arns.root_user(ctx.account)
    arn = arns.parse(given)
    if arn is None or (arn.service, arn.account) != ("iam", ctx.account):
        raise InvalidParameter(f"Invalid principalArn: {given}")
    return given


def _present(name: str, value: str, principal: str) -> dict[str, str]:
    kind = "aws_managed" if name in AWS_MANAGED else "user"
    return {"name": name, "value": value, "principalArn": principal, "type": kind}
