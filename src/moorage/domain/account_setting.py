"""AccountSetting: what a principal of an account prefers in ECS, and the values that each setting may have.

The root user's settings are the account's defaults (Amazon ECS API reference, PutAccountSetting). `containerInsights`
is what new clusters begin with; the others concern AWS's own fleet and are kept and shown only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from moorage.domain.changes import Key, Link

CONTAINER_INSIGHTS: Final = "containerInsights"
AWS_MANAGED: Final = frozenset({"guardDutyActivate"})
"""Settings that AWS makes for its customers; nobody else may."""

_SWITCH: Final = ("disabled", "enabled")
VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "serviceLongArnFormat": ("enabled",),
    "taskLongArnFormat": ("enabled",),
    "containerInstanceLongArnFormat": ("enabled",),
    "awsvpcTrunking": _SWITCH,
    CONTAINER_INSIGHTS: (*_SWITCH, "enhanced"),
    "fargateFIPSMode": _SWITCH,
    "tagResourceAuthorization": ("off", "on"),
    "fargateTaskRetirementWaitPeriod": ("7", "0", "14"),
    "guardDutyActivate": ("off", "on"),
    "defaultLogDriverMode": ("non-blocking", "blocking"),
    "fargateEventWindows": _SWITCH,
}
"""What each setting may be; the first is what it is when nobody said anything. ARNs have the long form only."""


@dataclass(frozen=True)
class AccountSetting:
    """One setting of one principal, whose ARN is `principal`."""

    table: ClassVar[str] = "account_setting"

    account: str
    region: str
    principal: str
    name: str
    value: str

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.principal, self.name)

    def links(self) -> tuple[Link, ...]:
        return ()
