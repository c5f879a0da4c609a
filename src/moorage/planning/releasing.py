"""What a service gives back when it ends, and which deployment follows one that failed.

Reference section 1.3: deleting a service removes its Cloud Map services and keeps the namespace.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from moorage.domain.changes import Delete, Put, Write
from moorage.domain.claim import Claim
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.registry import Instance, InstancesRevision, RegistryService
from moorage.domain.service import IN_PROGRESS, Deployment, Rollout, Service
from moorage.domain.world import World
from moorage.planning.task_factory import Names


def releases(world: World, service: Service) -> tuple[list[Write], str]:
    """The writes that give back a service's endpoints, claims and Cloud Map services; or why that must wait."""
    writes: list[Write] = [Delete(e.table, e.key) for e in world.linked(ConnectEndpoint, "service", service.key)]
    writes += [Delete(claim.table, claim.key) for claim in world.linked(Claim, "owner", (service.arn,))]
    for registry in world.linked(RegistryService, "managed", (service.arn,)):
        left = world.linked(Instance, "service", registry.key)
        if any(not instance.task_id for instance in left):
            return [], (
                f"was unable to delete the Cloud Map service {registry.id}, because it still holds instances that "
                "were registered by hand: deregister them, and the service goes INACTIVE."
            )
        writes += [Delete(instance.table, instance.key) for instance in left]
        writes += [Delete(registry.table, registry.key), Delete(InstancesRevision.table, registry.key)]
    return writes, ""


@dataclass(frozen=True)
class RollBack:
    """The deployment that follows a failed one: like the last that completed, with a frozen set of its own."""

    deployment: Deployment
    rollout: Rollout
    like: str

    def writes(self, service: Service) -> list[Write]:
        primary = replace(service, deployment_id=self.deployment.id)
        return [Put(self.deployment), Put(self.rollout), Put(primary)]


def roll_back(world: World, failed: Deployment, names: Names, now: datetime) -> RollBack | None:
    """The way back from a failed deployment, or None when no completed one is left."""
    previous = _completed_before(world, failed)
    if previous is None:
        return None
    again = replace(
        previous,
        id=f"ecs-svc/{names.digits(19)}",
        created_at=now,
        known=freeze(_endpoints(world, previous)),
        replaces=failed.id,
    )
    reason = f"ECS deployment circuit breaker: rolling back to deploymentId {previous.id}."
    rollout = Rollout(again.account, again.region, again.cluster, again.service, again.id, IN_PROGRESS, reason, now)
    return RollBack(again, rollout, previous.id)


def _completed_before(world: World, deployment: Deployment) -> Deployment | None:
    """The nearest predecessor that is still there and had completed."""
    found: Deployment | None = deployment
    while found is not None and found.replaces is not None:
        found = world.get(Deployment, (*deployment.service_key, found.replaces))
        rollout = world.get(Rollout, found.key) if found is not None else None
        if found is not None and rollout is not None and rollout.state == "COMPLETED":
            return found
    return None


def _endpoints(world: World, deployment: Deployment) -> list[ConnectEndpoint]:
    if deployment.namespace_id is None:
        return []
    return world.linked(ConnectEndpoint, "namespace", (*deployment.key[:2], deployment.namespace_id))
