"""CapacityProvider and ContainerInstance: where tasks may run. This machine is one container instance of each cluster.

Tasks of the EC2 launch type are placed on the instance; those of Fargate ask for none and are not told of it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Final

from moorage.domain import arns
from moorage.domain.changes import Key, Link

ACTIVE: Final = "ACTIVE"
DRAINING: Final = "DRAINING"
AVAILABILITY_ZONE: Final = "ecs.availability-zone"
"""The attribute of a container instance that names its zone."""


@dataclass(frozen=True)
class CapacityProvider:
    """A provider of the user's own. `auto_scaling` is what was asked of its Auto Scaling group: recorded, as there is
    no group to scale on one machine."""

    table: ClassVar[str] = "capacity_provider"

    account: str
    region: str
    name: str
    auto_scaling: dict[str, Any]
    updated: str = "CREATE_COMPLETE"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    def links(self) -> tuple[Link, ...]:
        return ()


@dataclass(frozen=True)
class ContainerInstance:
    """This machine as a cluster sees it. `own` are the attributes that the machine has by itself, "" for those without
    a value; `attributes` those that users gave to it. `cpu` (units) and `memory` (MiB) are what it registered; 0 is
    unknown, and then nothing is lacking.
    """

    table: ClassVar[str] = "container_instance"

    account: str
    region: str
    cluster: str
    registered_at: datetime
    status: str = ACTIVE
    version: int = 1
    own: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    cpu: int = 0
    memory: int = 0

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.cluster)

    @property
    def id(self) -> str:
        """Made from the cluster's ARN, so that it is the same whenever it is asked for."""
        return sha256(arns.cluster(*self.key).encode()).hexdigest()[:32]

    @property
    def arn(self) -> str:
        return arns.container_instance(self.account, self.region, self.cluster, self.id)

    @property
    def zone(self) -> str:
        """The availability zone that it is in."""
        return self.own.get(AVAILABILITY_ZONE, "")

    @property
    def all_attributes(self) -> dict[str, str]:
        return {**self.own, **self.attributes}

    def links(self) -> tuple[Link, ...]:
        return ()
