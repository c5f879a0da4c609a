"""STS: who the caller is. Every caller is the root user of the account that the access key names.

Roles are not assumed here: AssumeRole and the like are refused by name.
"""

from typing import Any

from moorage.api.context import RequestContext
from moorage.api.support_table import Supported


async def get_caller_identity(ctx: RequestContext, _input: dict[str, Any]) -> dict[str, Any]:
    return {"UserId": ctx.account, "Account": ctx.account, "Arn": f"arn:aws:iam::{ctx.account}:root"}


OPERATIONS = {"GetCallerIdentity": Supported(get_caller_identity)}
