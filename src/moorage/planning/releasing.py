"""What a service gives back when it ends, and which deployment follows one that failed.

Reference section 1.3: deleting a service removes its Cloud Map services and keeps the namespace.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from moorage.domain import arns
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.claim import Claim
from moorage.domain.connect import ConnectConfiguration, ConnectEndpoint, freeze
from moorage.domain.registry import Instance, InstancesRevision, Namespace, RegistryService
from moorage.domain.registry_operations import next_revision
from moorage.domain.service import IN_PROGRESS, Deployment, Rollout, Service
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import exposure, history
from moorage.planning.task_factory import Names


def releases(world: World, service: Service) -> tuple[list[Write], str]:
    """The writes that give back a service's endpoints, claims and Cloud Map services; or why that must wait."""
    writes: list[Write] = [Delete(e.table, e.key) for e in world.linked(ConnectEndpoint, "service", service.key)]
    writes += [Delete(claim.table, claim.key) for claim in world.linked(Claim, "owner", (service.arn,))]
    writes += _deregistrations(world, service)
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


def _deregistrations(world: World, service: Service) -> list[Write]:
    """The end of what service discovery holds; the Cloud Map services are the user's and stay."""
    left = world.linked(Instance, "owner", (service.arn,))
    revisions = [Put(next_revision(world, key)) for key in sorted({instance.key[:3] for instance in left})]
    return [*(Delete(instance.table, instance.key) for instance in left), *revisions]


@dataclass(frozen=True)
class RollBack:
    """The deployment that follows a failed one: like the last that completed, with a frozen set of its own."""

    deployment: Deployment
    rollout: Rollout
    like: str
    names: tuple[Write, ...]

    def writes(self, service: Service) -> list[Write]:
        primary = replace(service, deployment_id=self.deployment.id)
        return [Put(self.deployment), Put(self.rollout), Put(primary), *self.names]


def roll_back(world: World, failed: Deployment, names: Names, now: datetime, cause: str) -> RollBack | None:
    """The way back from a failed deployment, or None when no completed one is left."""
    previous = history.completed_before(world, failed)
    if previous is None or world.get(TaskDefinition, previous.task_definition) is None:
        return None
    restored = _names_of(world, previous)
    again = replace(
        previous,
        id=f"ecs-svc/{names.digits(19)}",
        created_at=now,
        known=freeze(_endpoints(world.apply(restored), previous)),
        replaces=failed.id,
        rolls_back=failed.id,
    )
    reason = f"{cause}: rolling back to deploymentId {previous.id}."
    rollout = Rollout(again.account, again.region, again.cluster, again.service, again.id, IN_PROGRESS, reason, now)
    return RollBack(again, rollout, previous.id, tuple(restored))


def abandoned(world: World, service: Service) -> list[Write]:
    """The Cloud Map services that an update left behind, once the last task that was registered in them is gone.

    Asked when a deployment has completed: until then a roll-back may want them.
    """
    exposed = {e.registry_service_id for e in world.linked(ConnectEndpoint, "service", service.key)}
    writes: list[Write] = []
    for registry in world.linked(RegistryService, "managed", (service.arn,)):
        unused = not registry.hidden and registry.id not in exposed
        if unused and not world.count_linked(Instance, "service", registry.key):
            writes += [Delete(registry.table, registry.key), Delete(InstancesRevision.table, registry.key)]
            writes.append(Delete(Claim.table, registry.claim().key))
    return writes


def _names_of(world: World, deployment: Deployment) -> list[Write]:
    """The endpoints and aliases of a deployment that is taken up again, in place of the service's present ones.

    A name that another service has taken meanwhile, or whose Cloud Map service is gone, stays lost.
    """
    old = world.linked(ConnectEndpoint, "service", deployment.service_key)
    wanted = {endpoint.key: endpoint for endpoint in _exposed_by(world, deployment)}
    gone = [endpoint for endpoint in old if endpoint.key not in wanted]
    writes: list[Write] = [Delete(endpoint.table, endpoint.key) for endpoint in gone]
    aliases = {exposure.alias_claim(endpoint).key for endpoint in wanted.values()}
    given_back = {exposure.alias_claim(endpoint).key for endpoint in old} - aliases
    writes += [Delete(Claim.table, key) for key in sorted(given_back)]
    for endpoint in wanted.values():
        writes += [Put(endpoint), Put(exposure.alias_claim(endpoint))]
    return writes


def _exposed_by(world: World, deployment: Deployment) -> Iterator[ConnectEndpoint]:
    namespace = world.get(Namespace, (deployment.account, deployment.region, deployment.namespace_id or ""))
    definition = world.get(TaskDefinition, deployment.task_definition)
    if namespace is None or definition is None:
        return
    registries = {name: arns.last(arn) for name, arn in deployment.discovery}
    for port in ConnectConfiguration.read(deployment.connect).exposed:
        registry_id = registries.get(port.discovery_name, "")
        endpoint = exposure.endpoint(deployment.service_key, namespace, registry_id, port, definition)
        held = world.get(Claim, exposure.alias_claim(endpoint).key)
        known = world.get(RegistryService, (*namespace.key[:2], registry_id))
        if known is not None and (held is None or held.owner == endpoint.service_arn):
            yield endpoint


def _endpoints(world: World, deployment: Deployment) -> list[ConnectEndpoint]:
    if deployment.namespace_id is None:
        return []
    return world.linked(ConnectEndpoint, "namespace", (*deployment.key[:2], deployment.namespace_id))
