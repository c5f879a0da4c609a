"""Cluster: a named group of services and tasks, with the namespace that its new Service Connect services join."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from moorage.domain import arns
from moorage.domain.changes import Key, Link

ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"


@dataclass(frozen=True)
class Cluster:
    """`default_namespace` is the ARN of a Cloud Map namespace, or None. A deleted cluster stays as INACTIVE."""

    table: ClassVar[str] = "cluster"

    account: str
    region: str
    name: str
    status: str
    created_at: datetime
    default_namespace: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    configuration: dict[str, Any] | None = None
    capacity_providers: tuple[str, ...] = ()
    default_strategy: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arns.cluster(self.account, self.region, self.name)

    def links(self) -> tuple[Link, ...]:
        return ()
