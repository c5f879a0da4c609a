"""Cloud Map's nouns: Namespace, RegistryService, Instance, Operation.

Their rules: docs/reference/service-connect.md section 4.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from moorage.domain import arns
from moorage.domain.changes import Delete, Key, Link
from moorage.domain.claim import DISCOVERY_NAME, HTTP_NAME, NAMESPACE_NAME, USE, Claim

HTTP = "HTTP"
DNS_PRIVATE = "DNS_PRIVATE"
DNS_PUBLIC = "DNS_PUBLIC"


@dataclass(frozen=True)
class Namespace:
    """A Cloud Map namespace of any type; Service Connect treats all types alike."""

    table: ClassVar[str] = "namespace"

    account: str
    region: str
    id: str
    name: str
    type: str
    created_at: datetime
    description: str = ""
    creator_request_id: str = ""
    vpc: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.id)

    @property
    def arn(self) -> str:
        return arns.namespace(self.account, self.region, self.id)

    @property
    def http_name(self) -> str:
        """The name that DiscoverInstances knows the namespace by; another one where `name` was taken already."""
        properties = self.properties.get("HttpProperties", {})
        return str(properties.get("HttpName", self.name))

    def links(self) -> tuple[Link, ...]:
        return (
            ("name", (self.account, self.region, self.name)),
            ("type", (self.type,)),
            ("http-name", (self.account, self.region, self.http_name)),
        )

    def claims(self) -> tuple[Claim, ...]:
        """What must be unique: a name among the namespaces of its type (and VPC), and the name that discovery uses."""
        place = (self.account, self.region)
        name = (self.type, self.name, self.vpc) if self.vpc else (self.type, self.name)
        return (
            Claim(*place, NAMESPACE_NAME, name, self.arn),
            Claim(*place, HTTP_NAME, (self.http_name,), self.arn),
        )

    def use(self) -> Claim:
        """Put by those that come into the namespace side by side; its deletion finds that it moved."""
        return Claim(self.account, self.region, USE, (self.id,), self.arn)


@dataclass(frozen=True)
class RegistryService:
    """A Cloud Map service. `managed_by` is the ARN of the ECS service that it was made for, else empty.

    `hidden` marks the bookkeeping service of a client-only ECS service (reference section 1.3, point 4).
    """

    table: ClassVar[str] = "registry_service"

    account: str
    region: str
    id: str
    name: str
    namespace_id: str
    type: str
    created_at: datetime
    description: str = ""
    creator_request_id: str = ""
    managed_by: str = ""
    hidden: bool = False
    dns_config: dict[str, Any] | None = None
    health_check_config: dict[str, Any] | None = None
    health_check_custom_config: dict[str, Any] | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.id)

    @property
    def arn(self) -> str:
        return arns.registry_service(self.account, self.region, self.id)

    @property
    def record_types(self) -> tuple[str, ...]:
        """The types of the DNS records that its instances get; none where only API calls find them."""
        return tuple(record["Type"] for record in (self.dns_config or {}).get("DnsRecords", ()))

    def removal(self) -> tuple[Delete, ...]:
        """What goes when the service goes; its instances must be gone before."""
        return (
            Delete(self.table, self.key),
            Delete(Claim.table, self.claim().key),
            Delete(InstancesRevision.table, self.key),
        )

    def claim(self) -> Claim:
        """A name is unique in its namespace. The holder is the ECS service that it was made for, if there is one."""
        name = (self.namespace_id, self.name)
        return Claim(self.account, self.region, DISCOVERY_NAME, name, self.managed_by or self.arn)

    def links(self) -> tuple[Link, ...]:
        return (
            ("namespace", (self.account, self.region, self.namespace_id)),
            ("name", (self.account, self.region, self.namespace_id, self.name)),
            ("managed", (self.managed_by,)),
        )


@dataclass(frozen=True)
class Instance:
    """An instance of a Cloud Map service. `task_id` is set on the ones that ECS keeps, else empty.

    `healthy` is None unless the service has a custom health check. `owner` is the ARN of the ECS service whose
    service discovery keeps it in a Cloud Map service of the user's.
    """

    table: ClassVar[str] = "instance"

    account: str
    region: str
    service_id: str
    id: str
    attributes: dict[str, str]
    created_at: datetime
    creator_request_id: str = ""
    task_id: str = ""
    healthy: bool | None = None
    owner: str = ""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.service_id, self.id)

    def links(self) -> tuple[Link, ...]:
        links: tuple[Link, ...] = (
            ("service", (self.account, self.region, self.service_id)),
            ("task", (self.account, self.region, self.task_id)),
        )
        return (*links, ("owner", (self.owner,))) if self.owner else links


@dataclass(frozen=True)
class InstancesRevision:
    """How often the instances of a service changed; put with each registration and deregistration."""

    table: ClassVar[str] = "instances_revision"

    account: str
    region: str
    service_id: str
    number: int

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.service_id)

    def links(self) -> tuple[Link, ...]:
        return ()


SUBMITTED = "SUBMITTED"
PENDING = "PENDING"
SUCCESS = "SUCCESS"
FAIL = "FAIL"


@dataclass(frozen=True)
class Operation:
    """An asynchronous Cloud Map operation: SUBMITTED, PENDING, then SUCCESS or FAIL.

    Until it is finished it holds the record that it shall put, so that a restarted daemon can go on with it.
    What each type does: `registry_operations`.
    """

    table: ClassVar[str] = "operation"

    account: str
    region: str
    id: str
    type: str
    status: str
    created_at: datetime
    updated_at: datetime
    targets: dict[str, str]
    error_code: str = ""
    error_message: str = ""
    request_id: str = ""
    namespace: Namespace | None = None
    service: RegistryService | None = None
    instance: Instance | None = None

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.id)

    @property
    def finished(self) -> bool:
        return self.status in (SUCCESS, FAIL)

    def links(self) -> tuple[Link, ...]:
        return () if self.finished else (("unfinished", (self.account, self.region)),)
