"""Claim: the record that makes a name unique. It is put with ABSENT expected, so two requests can never both win."""

from dataclasses import dataclass
from typing import ClassVar

from moorage.domain.changes import Key, Link

ALIAS = "alias"
"""name = (namespace id, "dns-name:port"): a client alias is unique in its namespace."""
DISCOVERY_NAME = "discovery-name"
"""name = (namespace id, Cloud Map service name)."""
NAMESPACE_NAME = "namespace-name"
"""name = (namespace type, name), and the VPC where the namespace belongs to one."""
HTTP_NAME = "http-name"
"""name = (the name that DiscoverInstances knows a namespace by,)."""
EXPORT = "export"
"""name = (export name,): CloudFormation exports are unique in an account and region."""

CLIENT_TOKEN = "client-token"
"""name = (operation, token): a request that is sent again is known by its token."""

USE = "use"
"""name = (id of what is used,): put, whatever its version, by whoever comes to use a record. A deletion rests on it."""


@dataclass(frozen=True)
class Claim:
    """`owner` is the ARN of the holder; `detail` what an error message about the clash needs to say."""

    table: ClassVar[str] = "claim"

    account: str
    region: str
    kind: str
    name: tuple[str, ...]
    owner: str
    detail: str = ""

    @property
    def key(self) -> Key:
        return claim_key(self.account, self.region, self.kind, *self.name)

    def links(self) -> tuple[Link, ...]:
        return (("owner", (self.owner,)),)


def claim_key(account: str, region: str, kind: str, *name: str) -> Key:
    """The key under which a claim on `name` is found."""
    return (account, region, kind, *name)
