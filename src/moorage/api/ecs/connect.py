"""Service Connect's part of a new deployment: its endpoints, their names and Cloud Map services, the freeze.

Everything goes into the draft of the one commit that makes the deployment. Rules on the configuration itself are in
`domain/connect_rules`; reference sections 1 and 3.
"""

from dataclasses import dataclass
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.ecs import references
from moorage.api.ecs.draft import Draft
from moorage.domain import arns, connect_rules
from moorage.domain.changes import Key
from moorage.domain.claim import ALIAS, DISCOVERY_NAME, Claim, claim_key
from moorage.domain.cluster import Cluster
from moorage.domain.connect import ConnectEndpoint, ExposedPort, KnownName, freeze
from moorage.domain.errors import ClientAliasTaken, DiscoveryNameTaken, NamespaceMissing, ProtocolChanged
from moorage.domain.registry import HTTP, Instance, Namespace, RegistryService
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import exposure

MANAGED_TAGS = {"AmazonECSManaged": "true"}


@dataclass(frozen=True)
class Request:
    """What a deployment asks of Service Connect: for which service, by which configuration, with which tasks."""

    service: Key
    document: dict[str, Any] | None
    definition: TaskDefinition
    launch_type: str

    @property
    def service_arn(self) -> str:
        return arns.service(*self.service)


@dataclass(frozen=True)
class Joined:
    """What the deployment records: the configuration, its namespace, the names that it knows for ever."""

    document: dict[str, Any] | None
    namespace_id: str | None = None
    known: tuple[KnownName, ...] = ()
    discovery: tuple[tuple[str, str], ...] = ()


def resolved(
    document: dict[str, Any] | None, cluster: Cluster, current: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The configuration with its namespace filled in: a service stays where it is, a new one joins the cluster's.

    The cluster's default is for new services only (reference section 1.2). NamespaceMissing.
    """
    if document is None or not document["enabled"]:
        return document
    namespace = document.get("namespace") or (current or {}).get("namespace") or cluster.default_namespace
    if not namespace:
        raise NamespaceMissing
    return {**document, "namespace": namespace}


def join(ctx: RequestContext, draft: Draft, request: Request) -> Joined:
    """Write what the deployment exposes into the draft, give back what it no longer does, and freeze what it knows."""
    if request.document is None or not request.document["enabled"]:
        _leave(draft, request, keep=frozenset())
        return Joined(request.document)
    configuration = connect_rules.read(request.document, request.definition, request.launch_type)
    namespace = references.namespace(ctx, draft.world, request.document["namespace"])
    draft.rest_on(namespace)
    draft.touch(namespace.use())
    discovery = []
    kept: set[str] = set()
    for port in configuration.exposed:
        _claim(draft, request, namespace, port)
        registry = _registry(ctx, draft, request, namespace, port.discovery_name)
        endpoint = exposure.endpoint(request.service, namespace, registry.id, port, request.definition)
        _check_protocol(draft, request, endpoint)
        draft.put(endpoint)
        kept.add(registry.id)
        discovery.append((port.discovery_name, registry.arn))
    if not configuration.exposed:
        kept.add(_client(ctx, draft, request, namespace).id)
    _leave(draft, request, frozenset(kept))
    known = draft.result().linked(ConnectEndpoint, "namespace", namespace.key)
    return Joined(request.document, namespace.id, freeze(known), tuple(discovery))


def _claim(draft: Draft, request: Request, namespace: Namespace, port: ExposedPort) -> None:
    """Claim the alias. Who renames a discovery name and keeps the alias clashes with itself, as on ECS."""
    dns_name = exposure.alias(port, namespace)
    name = (namespace.id, f"{dns_name}:{port.alias.port}")
    account, region = request.service[:2]
    claim = Claim(account, region, ALIAS, name, request.service_arn, port.discovery_name)
    held = draft.result().get(Claim, claim.key)
    if held is not None and (held.owner, held.detail) != (claim.owner, claim.detail):
        raise ClientAliasTaken(dns_name, port.alias.port, held.detail, namespace.name)
    draft.put(claim)


def _registry(ctx: RequestContext, draft: Draft, request: Request, namespace: Namespace, name: str) -> RegistryService:
    """The Cloud Map service of a discovery name: the one that was made for this service before, or a new one."""
    held = draft.result().get(Claim, claim_key(*request.service[:2], DISCOVERY_NAME, namespace.id, name))
    if held is not None and held.owner != request.service_arn:
        raise DiscoveryNameTaken(held.owner)
    for found in draft.result().linked(RegistryService, "managed", (request.service_arn,)):
        if (found.namespace_id, found.name) == (namespace.id, name):
            draft.rest_on(found)
            draft.put(found.claim())
            return found
    return _new_registry(ctx, draft, request, namespace, name)


def _new_registry(
    ctx: RequestContext, draft: Draft, request: Request, namespace: Namespace, name: str, hidden: bool = False
) -> RegistryService:
    registry = RegistryService(
        account=ctx.account,
        region=ctx.region,
        id=f"srv-{ctx.ids.letters(16)}",
        name=name,
        namespace_id=namespace.id,
        type=HTTP,
        created_at=ctx.now(),
        description=f"Managed by {request.service_arn}",
        creator_request_id=ctx.ids.uuid(),
        managed_by=request.service_arn,
        hidden=hidden,
        tags=dict(MANAGED_TAGS),
    )
    draft.put(registry)
    draft.put(registry.claim())
    return registry


def _client(ctx: RequestContext, draft: Draft, request: Request, namespace: Namespace) -> RegistryService:
    """The bookkeeping Cloud Map service of a service that exposes nothing (reference section 1.3, point 4)."""
    for found in draft.result().linked(RegistryService, "managed", (request.service_arn,)):
        if found.hidden and found.namespace_id == namespace.id:
            return found
    name = f"aws-ecs-sc.client.{ctx.ids.uuid()}.{request.service[-1]}"
    return _new_registry(ctx, draft, request, namespace, name, hidden=True)


def _check_protocol(draft: Draft, request: Request, endpoint: ConnectEndpoint) -> None:
    """A discovery name keeps its protocol for as long as its service exposes it (reference section 3)."""
    before = draft.result().get(ConnectEndpoint, endpoint.key)
    if before is not None and before.service_key == request.service and before.protocol != endpoint.protocol:
        old, new = (None if each == "tcp" else each for each in (before.protocol, endpoint.protocol))
        raise ProtocolChanged(request.service_arn, old, new)


def _leave(draft: Draft, request: Request, keep: frozenset[str]) -> None:
    """Give back the service's endpoints, aliases and Cloud Map services but for those that are kept."""
    world = draft.result()
    aliases = set()
    for endpoint in world.linked(ConnectEndpoint, "service", request.service):
        if endpoint.registry_service_id in keep:
            aliases.add((endpoint.namespace_id, f"{endpoint.alias}:{endpoint.alias_port}"))
        else:
            draft.delete(endpoint)
    for claim in world.linked(Claim, "owner", (request.service_arn,)):
        if claim.kind == ALIAS and claim.name not in aliases:
            draft.delete(claim)
    for registry in world.linked(RegistryService, "managed", (request.service_arn,)):
        if registry.id not in keep:
            _retire(draft, registry)


def _retire(draft: Draft, registry: RegistryService) -> None:
    """Take a Cloud Map service away unless tasks of the old deployment are still in it: they serve until they stop."""
    if draft.world.count_linked(Instance, "service", registry.key):
        return
    draft.delete(registry)
    draft.delete(registry.claim())
