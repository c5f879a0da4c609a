"""Whatever is asked for in whatever order: endpoints, claims and Cloud Map services of Service Connect stay in step."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import ec2
from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Put
from moorage.domain.claim import ALIAS, DISCOVERY_NAME, Claim, claim_key
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import RegistryService
from moorage.domain.service import Deployment, Service, ServiceProgress, deployment_key
from moorage.domain.world import World
from moorage.engine.ports import OperationFailed
from moorage.planning import releasing
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT = ("100000000000", "us-east-1")
PORTS = [
    {"name": "http", "containerPort": 80, "appProtocol": "http"},
    {"name": "grpc", "containerPort": 81, "appProtocol": "grpc"},
]


@dataclass(frozen=True)
class Exposed:
    port_name: str
    discovery: str
    alias: str
    port: int

    def document(self) -> dict[str, Any]:
        alias = {"port": self.port, "dnsName": self.alias}
        return {"portName": self.port_name, "discoveryName": self.discovery, "clientAliases": [alias]}


@dataclass(frozen=True)
class Request:
    """Create, update or delete a service; `exposed` None is without Service Connect, empty is a client."""

    kind: str
    name: str
    exposed: tuple[Exposed, ...] | None


exposed = st.builds(
    Exposed, st.sampled_from(["http", "grpc"]), st.sampled_from("de"), st.sampled_from("ab"), st.sampled_from([1, 2])
)
requests = st.builds(
    Request,
    st.sampled_from(["CreateService", "UpdateService", "DeleteService"]),
    st.sampled_from(["one", "two", "three"]),
    st.none() | st.lists(exposed, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(requests, max_size=12))
def test_endpoints_claims_and_cloud_map_services_stay_in_step(sequence: list[Request]) -> None:
    asyncio.run(_play(sequence))


async def _play(sequence: list[Request]) -> None:
    store = MemoryStore()
    dispatcher = Dispatcher(operations.table(), store, SystemClock(), SystemIds(), ec2.forward)

    async def call(operation: str, **arguments: Any) -> None:
        await dispatcher.call(*ACCOUNT, "ecs", operation, arguments)

    await call("CreateCluster", clusterName="demo", serviceConnectDefaults={"namespace": "demo"})
    await dispatcher.settle()
    container = {"name": "app", "image": "app", "memory": 64, "portMappings": PORTS}
    await call(
        "RegisterTaskDefinition", family="app", networkMode="awsvpc", memory="64", containerDefinitions=[container]
    )
    for request in sequence:
        before = store.snapshot()
        try:
            await call(request.kind, **_arguments(request))
        except OperationFailed:
            assert store.snapshot() is before, "what was refused changed something"
        else:
            await _finish_deletion(store, request)
        _check(store.snapshot())


def _arguments(request: Request) -> dict[str, Any]:
    if request.kind == "DeleteService":
        return {"cluster": "demo", "service": request.name, "force": True}
    connect: dict[str, Any] = {"enabled": request.exposed is not None}
    if request.exposed:
        connect["services"] = [each.document() for each in request.exposed]
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    rest = {"cluster": "demo", "serviceConnectConfiguration": connect, "networkConfiguration": network}
    if request.kind == "UpdateService":
        return {**rest, "service": request.name}
    return {**rest, "serviceName": request.name, "taskDefinition": "app", "desiredCount": 0}


async def _finish_deletion(store: MemoryStore, request: Request) -> None:
    """As the engine ends a service whose last task has stopped."""
    world, key = store.snapshot(), (*ACCOUNT, "demo", request.name)
    service, progress = world.get(Service, key), world.get(ServiceProgress, key)
    assert service is not None
    assert progress is not None
    if service.deleted_at is not None:
        writes, _ = releasing.releases(world, service)
        await store.commit([*writes, Put(replace(progress, inactive_at=service.deleted_at))], {})


def _check(world: World) -> None:
    endpoints = world.within(ConnectEndpoint, *ACCOUNT)
    registries = world.within(RegistryService, *ACCOUNT)
    for endpoint in endpoints:
        name = f"{endpoint.alias}:{endpoint.alias_port}"
        alias = world.get(Claim, claim_key(*ACCOUNT, ALIAS, endpoint.namespace_id, name))
        assert alias is not None
        assert (alias.owner, alias.detail) == (endpoint.service_arn, endpoint.discovery_name)
        registry = world.get(RegistryService, (*ACCOUNT, endpoint.registry_service_id))
        assert registry is not None
        assert (registry.name, registry.managed_by) == (endpoint.discovery_name, endpoint.service_arn)
    for registry in registries:
        held = world.get(Claim, registry.claim().key)
        assert held is not None
        assert held.owner == registry.managed_by
    assert sum(not registry.hidden for registry in registries) == len(endpoints)
    kinds = Counter(claim.kind for claim in world.within(Claim, *ACCOUNT))
    assert (kinds[ALIAS], kinds[DISCOVERY_NAME]) == (len(endpoints), len(registries))
    for service in world.within(Service, *ACCOUNT):
        _check_primary(world, service)


def _check_primary(world: World, service: Service) -> None:
    """A live service's primary deployment knows its own endpoints, and its Cloud Map services are theirs."""
    if service.deleted_at is not None:
        return
    primary = world.get(Deployment, deployment_key(service.key, service.deployment_id))
    assert primary is not None
    own = {each.discovery_name for each in world.linked(ConnectEndpoint, "service", service.key)}
    assert {name for name, _ in primary.discovery} == own
    assert own <= {name.endpoint.discovery_name for name in primary.known}
