"""RoleSession: temporary credentials and who they speak for; whether a role may be assumed at all, and by whom.

Which roles there are is IAM's knowledge. Policies are not evaluated here, but for the one that says who may assume a
role. Sources: IAM user guide, "Temporary security credentials in IAM" and "AWS JSON policy elements: Principal"; STS
API reference.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from moorage.domain import arns
from moorage.domain.changes import Key, Link

PREFIX: Final = "ASIA"
"""What access keys of temporary credentials begin with."""
ACCESS_KEY: Final = "access_key"

_ASSUME: Final = frozenset({"sts:assumerole", "sts:*", "*"})
_EXTERNAL_ID: Final = "sts:externalid"
_ACCOUNT_BITS: Final = 7
"""An access key holds the account's number, so many bits from the right of its first six bytes."""


@dataclass(frozen=True)
class RoleSession:
    """Temporary credentials. `role` is empty where they speak for who asked for them, the root user of the account.

    `role_id` is IAM's id of the role. What was asked for with the session and nobody evaluates is in `request`.
    """

    table: ClassVar[str] = "role_session"

    account: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    role: str = ""
    role_id: str = ""
    name: str = ""
    source_identity: str = ""
    request: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.access_key)

    @property
    def arn(self) -> str:
        """Who they speak for."""
        if not self.role:
            return root(self.account)
        return str(arns.Arn("sts", "", self.account, f"assumed-role/{self.role_name}/{self.name}"))

    @property
    def role_name(self) -> str:
        """The role without its path."""
        return self.role.rsplit("/", 1)[-1]

    @property
    def user_id(self) -> str:
        return f"{self.role_id}:{self.name}" if self.role else self.account

    def links(self) -> tuple[Link, ...]:
        return ((ACCESS_KEY, (self.access_key,)), ("sessions", (self.account,)))


def root(account: str) -> str:
    """The ARN of the root user."""
    return str(arns.Arn("iam", "", account, "root"))


def new_access_key(account: str, random: str) -> str:
    """An access key of the account, from hexadecimal digits of which eight are used."""
    front = (int(account) << _ACCOUNT_BITS).to_bytes(6, "big")
    return PREFIX + base64.b32encode(front + bytes.fromhex(random[:8])).decode("ascii")


def trusts(document: str, caller: str, external_id: str | None) -> bool:
    """True if the trust policy, as IAM gives it (JSON, percent-encoded), lets the caller's ARN assume the role.

    The root user may do what any principal of its account may: there are no others to be here. Of conditions that of
    `sts:ExternalId` is looked at, as equality; all others are taken to hold.
    """
    try:
        policy = json.loads(unquote(document))
    except ValueError:
        return False
    return any(_allows(statement, caller, external_id) for statement in _listed(policy.get("Statement", [])))


def _allows(statement: Mapping[str, Any], caller: str, external_id: str | None) -> bool:
    actions = {str(action).lower() for action in _listed(statement.get("Action", []))}
    if statement.get("Effect") != "Allow" or not actions & _ASSUME:
        return False
    principal = statement.get("Principal", {})
    named = _listed(principal.get("AWS", []) if isinstance(principal, Mapping) else principal)
    return any(_is_meant(str(each), caller) for each in named) and _conditions_hold(statement, external_id)


def _is_meant(principal: str, caller: str) -> bool:
    """Whether a principal of a policy is the caller: everybody, the whole account, or one of its users and roles."""
    asking, meant = arns.parse(caller), arns.parse(principal)
    if principal == "*" or asking is None:
        return principal == "*"
    if meant is None:
        return principal == asking.account
    if meant.account != asking.account:
        return False
    if "root" in (meant.resource, asking.resource) or meant == asking:
        return True
    role = asking.resource.split("/")[1] if asking.resource.startswith("assumed-role/") else ""
    return meant.resource.startswith("role/") and meant.resource.rsplit("/", 1)[1] == role


def _conditions_hold(statement: Mapping[str, Any], external_id: str | None) -> bool:
    for operator, asked in statement.get("Condition", {}).items():
        if operator.removesuffix("IfExists") != "StringEquals":
            continue
        for key, values in asked.items():
            if key.lower() == _EXTERNAL_ID and external_id not in _listed(values):
                return operator.endswith("IfExists") and external_id is None
    return True


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
