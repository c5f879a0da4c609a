"""Service, Deployment and what became of them: the spec is written by the API, the progress by `engine/services`.

A Deployment never changes once it is written, but for live names; its Rollout does. Counts of tasks are not stored:
they are counted.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from moorage.domain import arns
from moorage.domain.changes import Key, Link
from moorage.domain.connect import KnownName
from moorage.domain.network import Subnet
from moorage.domain.service_registry import ServiceRegistry

REPLICA = "REPLICA"
DAEMON = "DAEMON"

ENABLED = "ENABLED"
DISABLED = "DISABLED"

ECS = "ECS"
EXTERNAL = "EXTERNAL"
"""Who deploys a service: ECS by rolling updates, or a program of the user's by task sets."""

ACTIVE = "ACTIVE"
DRAINING = "DRAINING"
INACTIVE = "INACTIVE"

PRIMARY = "PRIMARY"

IN_PROGRESS = "IN_PROGRESS"
COMPLETED = "COMPLETED"
FAILED = "FAILED"

EVENTS_KEPT = 100
DEPLOYMENTS_KEPT = 20
"""How many replaced deployments of a service are remembered."""

COUNT = "COUNT"
BOUNDED_PERCENT = "BOUNDED_PERCENT"
UNBOUNDED_PERCENT = "UNBOUNDED_PERCENT"


@dataclass(frozen=True)
class CircuitBreaker:
    """When a deployment counts as failed: after so many failed tasks, as a count or in percent of the desired count.

    `reset`: a task that becomes healthy sets the count of failures back to zero.
    """

    enabled: bool = False
    rollback: bool = False
    threshold_type: str = BOUNDED_PERCENT
    threshold: int = 50
    reset: bool = True


@dataclass(frozen=True)
class Alarms:
    """The CloudWatch alarms, by name, that fail a deployment when one of them goes off while it is under way."""

    names: tuple[str, ...]
    enabled: bool
    rollback: bool


@dataclass(frozen=True)
class EarlySuccess:
    """When a deployment completes before it is finished: once `healthy_percent` of its tasks are healthy.

    `deferred`: the tasks that it replaces may still be there; they go afterwards.
    """

    enabled: bool
    healthy_percent: int
    deferred: bool


@dataclass(frozen=True)
class DeploymentConfiguration:
    """`maximum_percent` and `minimum_healthy_percent` of the desired count; ECS's defaults are 200 and 100.

    `bake_minutes`: how long a deployment that is scaled out and in is watched before it has completed. None: as long
    as its alarms take to judge, and not at all without alarms.
    """

    maximum_percent: int = 200
    minimum_healthy_percent: int = 100
    breaker: CircuitBreaker = CircuitBreaker()
    alarms: Alarms | None = None
    bake_minutes: int | None = None
    early: EarlySuccess | None = None


@dataclass(frozen=True)
class Service:
    """What a caller asked for. `deployment_id` names the PRIMARY deployment; `deleted_at` is set by DeleteService.

    With the controller EXTERNAL, `deployment_id` names the PRIMARY task set, and is empty while there is none.
    `stopped_deployment` names the deployment that a caller asked to stop and roll back.
    `recorded` holds members that are returned as they were given, whether or not something acts on them.
    """

    table: ClassVar[str] = "service"

    account: str
    region: str
    cluster: str
    name: str
    created_at: datetime
    created_by: str
    desired_count: int
    scheduling_strategy: str
    deployment_id: str
    deployment_configuration: DeploymentConfiguration = DeploymentConfiguration()
    health_check_grace_period: int | None = None
    recorded: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None
    placement_constraints: tuple[dict[str, Any], ...] = ()
    stopped_deployment: str | None = None
    controller: str = ECS

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.cluster, self.name)

    @property
    def arn(self) -> str:
        return arns.service(self.account, self.region, self.cluster, self.name)

    @property
    def rebalances(self) -> bool:
        """Whether its tasks are kept even over the availability zones."""
        return self.recorded.get("availabilityZoneRebalancing") == ENABLED

    @property
    def placement_strategy(self) -> list[dict[str, Any]]:
        """The strategies by which its tasks are placed and leave, in their order."""
        found: list[dict[str, Any]] = self.recorded.get("placementStrategy", [])
        return found

    def links(self) -> tuple[Link, ...]:
        return (("cluster", (self.account, self.region, self.cluster)),)


@dataclass(frozen=True)
class Deployment:
    """One version of a service: what its tasks are made from. `known` is the frozen set of names, to which names are
    appended where they are live; `names_given` is the highest number of an address that was ever appended.

    `namespace_id` is None without Service Connect. `connect` is the configuration as a caller gets it back;
    `discovery` the Cloud Map services (discovery name, ARN) that were made or found for it. `subnets` are those of
    `network` with their zones; `registries` are the Cloud Map services that its tasks are registered in by service
    discovery. `rolls_back` names the failed deployment whose place it takes.
    """

    table: ClassVar[str] = "deployment"

    account: str
    region: str
    cluster: str
    service: str
    id: str
    created_at: datetime
    task_definition: Key
    launch_type: str
    platform_version: str | None = None
    network: dict[str, Any] | None = None
    subnets: tuple[Subnet, ...] = ()
    capacity_provider_strategy: tuple[dict[str, Any], ...] = ()
    connect: dict[str, Any] | None = None
    namespace_id: str | None = None
    known: tuple[KnownName, ...] = ()
    discovery: tuple[tuple[str, str], ...] = ()
    replaces: str | None = None
    rolls_back: str | None = None
    names_given: int = 0
    registries: tuple[ServiceRegistry, ...] = ()

    @property
    def key(self) -> Key:
        return deployment_key((self.account, self.region, self.cluster, self.service), self.id)

    @property
    def service_key(self) -> Key:
        return (self.account, self.region, self.cluster, self.service)

    @property
    def task_set_arn(self) -> str:
        return arns.task_set(self.account, self.region, self.cluster, self.service, self.id)

    def links(self) -> tuple[Link, ...]:
        links: tuple[Link, ...] = (("service", self.service_key), ("task_definition", self.task_definition))
        if self.namespace_id is not None:
            links += (("namespace", (self.account, self.region, self.namespace_id)),)
        return links


@dataclass(frozen=True)
class Rollout:
    """How a deployment goes. `failed_tasks` counts tasks that stopped before they had become healthy.

    `last_failure_at` and `failed_in_a_row` pace replacements; `healthy_at` is when a task last became healthy. A
    drained deployment's Rollout is deleted with it. `baking_since` is when it was first scaled out and in; `triggered`
    are the alarms that failed it. That of a task set says whether it is stable, and since when.
    """

    table: ClassVar[str] = "rollout"

    account: str
    region: str
    cluster: str
    service: str
    id: str
    state: str
    reason: str
    updated_at: datetime
    failed_tasks: int = 0
    failed_in_a_row: int = 0
    last_failure_at: datetime | None = None
    healthy_at: datetime | None = None
    blocked: str = ""
    since: datetime | None = None
    baking_since: datetime | None = None
    triggered: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return deployment_key((self.account, self.region, self.cluster, self.service), self.id)

    def links(self) -> tuple[Link, ...]:
        return (("service", (self.account, self.region, self.cluster, self.service)),)


@dataclass(frozen=True)
class PastDeployment:
    """A deployment that no task is left of, as it was at its end; the last DEPLOYMENTS_KEPT of a service are kept."""

    table: ClassVar[str] = "past_deployment"

    account: str
    region: str
    cluster: str
    service: str
    id: str
    deployment: Deployment
    rollout: Rollout
    ended_at: datetime

    @property
    def key(self) -> Key:
        return deployment_key((self.account, self.region, self.cluster, self.service), self.id)

    def links(self) -> tuple[Link, ...]:
        return (("service", (self.account, self.region, self.cluster, self.service)),)


@dataclass(frozen=True)
class ServiceEvent:
    """A line of the service's event list, in ECS's own sentences."""

    id: str
    at: datetime
    message: str


@dataclass(frozen=True)
class ServiceProgress:
    """What the engine noted of a service: its events, newest first, and whether it is gone.

    `steady` says that the last thing told was that the service reached a steady state.
    `counted` holds the ids of stopped tasks whose failure is in the Rollout already. `rebalancing` are those of tasks
    that were started to even out the zones and have not been made up for; `imbalance` is what was told of it last.
    """

    table: ClassVar[str] = "service_progress"

    account: str
    region: str
    cluster: str
    service: str
    events: tuple[ServiceEvent, ...] = ()
    steady: bool = False
    inactive_at: datetime | None = None
    counted: tuple[str, ...] = ()
    rebalancing: tuple[str, ...] = ()
    imbalance: str = ""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.cluster, self.service)

    def links(self) -> tuple[Link, ...]:
        return ()


def deployment_key(service: Key, deployment_id: str) -> Key:
    return (*service, deployment_id)
