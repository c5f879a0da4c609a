"""AlarmWatch: what was seen of the CloudWatch alarms that watch one deployment. Written by `engine/alarms` alone.

Which alarms a service names, and what is to follow from one that goes off, is in its DeploymentConfiguration.
"""

from dataclasses import dataclass
from typing import ClassVar

from moorage.domain.changes import Key, Link
from moorage.domain.service import deployment_key


@dataclass(frozen=True)
class AlarmWatch:
    """`monitoring` is False when an alarm was in ALARM already as the deployment began: then none of them counts.

    `bake_seconds` is how long the alarms take to judge; `triggered` are those that went off since.
    """

    table: ClassVar[str] = "alarm_watch"

    account: str
    region: str
    cluster: str
    service: str
    id: str
    monitoring: bool
    bake_seconds: int = 0
    triggered: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return deployment_key((self.account, self.region, self.cluster, self.service), self.id)

    def links(self) -> tuple[Link, ...]:
        return (("service", (self.account, self.region, self.cluster, self.service)),)
