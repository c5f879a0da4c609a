"""Application Auto Scaling of ECS services: what may be scaled, by which policies, and what was done.

How much to scale is `planning/scaling`'s decision. Source: Application Auto Scaling API reference and user guide.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from moorage.domain import arns
from moorage.domain.changes import Key, Link

NAMESPACE: Final = "ecs"
DIMENSION: Final = "ecs:service:DesiredCount"
TRACKING: Final = "TargetTrackingScaling"
STEPS: Final = "StepScaling"
IN_PROGRESS: Final = "InProgress"
SUCCESSFUL: Final = "Successful"
FAILED: Final = "Failed"
ACTIVITIES_KEPT: Final = 100


@dataclass(frozen=True)
class ScalableTarget:
    """A service (`resource_id`: service/cluster/name) and the bounds of its desired count.

    `suspended` names what does not happen for now, as SuspendedState has it.
    """

    table: ClassVar[str] = "scalable_target"

    account: str
    region: str
    resource_id: str
    minimum: int
    maximum: int
    created_at: datetime
    id: str
    role_arn: str
    suspended: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.resource_id)

    @property
    def arn(self) -> str:
        return str(arns.Arn("application-autoscaling", self.region, self.account, f"scalable-target/{self.id}"))

    @property
    def service_key(self) -> Key:
        """The service's key: account, region, cluster and name."""
        return (self.account, self.region, *self.resource_id.split("/")[1:])

    def links(self) -> tuple[Link, ...]:
        return (("arn", (self.arn,)),)


@dataclass(frozen=True)
class ScalingPolicy:
    """A policy of a target; `configuration` is that of its type, as it was given."""

    table: ClassVar[str] = "scaling_policy"

    account: str
    region: str
    resource_id: str
    name: str
    type: str
    configuration: dict[str, Any]
    created_at: datetime
    id: str

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.resource_id, self.name)

    @property
    def arn(self) -> str:
        place = f"resource/{NAMESPACE}/{self.resource_id}:policyName/{self.name}"
        return str(arns.Arn("autoscaling", self.region, self.account, f"scalingPolicy:{self.id}:{place}"))

    def links(self) -> tuple[Link, ...]:
        return (("target", self.key[:3]),)


@dataclass(frozen=True)
class ScalingActivity:
    """A change of the desired count. `wanted` is written down before it is asked for, so that a restart goes on."""

    table: ClassVar[str] = "scaling_activity"

    account: str
    region: str
    resource_id: str
    id: str
    before: int
    wanted: int
    cause: str
    started_at: datetime
    ended_at: datetime | None = None
    status: str = IN_PROGRESS
    message: str = ""

    @property
    def key(self) -> Key:
        # Keys sort as text: a target's activities stand in the order of time.
        moment = f"{int(self.started_at.timestamp() * 1000):015}"
        return (self.account, self.region, self.resource_id, moment, self.id)

    def links(self) -> tuple[Link, ...]:
        return (("target", self.key[:3]),)
