"""TaskSet: what an external deployment controller asks for of one set of a service's tasks.

What its tasks are made from is a Deployment of the same key, how stable it is that Deployment's Rollout; this record
holds what the controller changes. Written by the API; `engine/services` deletes all three when the last task is gone.
"""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import ClassVar, Final

from moorage.domain import arns
from moorage.domain.changes import Key, Link
from moorage.domain.service import deployment_key

STABILIZING: Final = "STABILIZING"
STEADY_STATE: Final = "STEADY_STATE"

MAX_TASK_SETS: Final = 5
"""How many a service may have at once, those that drain included."""


@dataclass(frozen=True)
class TaskSet:
    """`scale` is a percentage of the service's desired count, 0 to 100; `deleted_at` is set by DeleteTaskSet."""

    table: ClassVar[str] = "task_set"

    account: str
    region: str
    cluster: str
    service: str
    id: str
    created_at: datetime
    updated_at: datetime
    scale: float = 0.0
    external_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None

    @property
    def key(self) -> Key:
        return deployment_key(self.service_key, self.id)

    @property
    def service_key(self) -> Key:
        return (self.account, self.region, self.cluster, self.service)

    @property
    def arn(self) -> str:
        return arns.task_set(self.account, self.region, self.cluster, self.service, self.id)

    def links(self) -> tuple[Link, ...]:
        return (("service", self.service_key),)

    def desired_count(self, of_service: int) -> int:
        """How many tasks it shall have: its part of the service's desired count, rounded up (API reference, TaskSet).

        The percentage counts as it is written: 64.4 of 250 are 161, where floating point numbers come to 162.
        """
        return 0 if self.deleted_at is not None else ceil(of_service * Fraction(str(self.scale)) / 100)
