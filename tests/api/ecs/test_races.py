"""Requests at the same moment, on the store that really waits for the disk: of two for one name, one wins."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ec2
from moorage.api import operations
from moorage.api.cloudmap import progress
from moorage.api.dispatch import Dispatcher
from moorage.domain import registry_operations
from moorage.domain.changes import Delete, Put, Stale
from moorage.domain.claim import Claim
from moorage.domain.cluster import ACTIVE, Cluster
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import HTTP, PENDING, Namespace, Operation
from moorage.engine.ports import OperationFailed
from moorage.store.sqlite import SqliteStore
from moorage.system import SystemClock, SystemIds

ACCOUNT = ("100000000000", "us-east-1")
Results = list[dict[str, Any] | BaseException]


class Caller:
    """Calls ECS as a stack does."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self._dispatcher = Dispatcher(operations.table(), store, SystemClock(), SystemIds(), ec2.forward)

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self._dispatcher.call(*ACCOUNT, "ecs", operation, arguments)

    async def settle(self) -> None:
        await self._dispatcher.settle()

    async def at_once(self, operation: str, requests: list[dict[str, Any]]) -> Results:
        calls = [self.call(operation, **arguments) for arguments in requests]
        return list(await asyncio.gather(*calls, return_exceptions=True))


@pytest.fixture
async def caller(tmp_path: Path, definition: Any) -> AsyncIterator[Caller]:
    store = SqliteStore.open(tmp_path / "data")
    caller = Caller(store)
    try:
        await caller.call("CreateCluster", clusterName="demo", serviceConnectDefaults={"namespace": "demo.local"})
        await caller.settle()
        await caller.call("RegisterTaskDefinition", **definition())
        yield caller
    finally:
        await store.close()


@pytest.fixture
def request_for(network: Any, exposing: Any) -> Any:
    def make(name: str, **members: Any) -> dict[str, Any]:
        return {
            "cluster": "demo",
            "serviceName": name,
            "taskDefinition": "api",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": network,
            "serviceConnectConfiguration": exposing(**members),
        }

    return make


def messages(results: Results) -> list[str]:
    failures = [each for each in results if isinstance(each, BaseException)]
    assert all(isinstance(each, OperationFailed) for each in failures), failures
    return [str(each) for each in failures]


async def test_one_service_name_is_given_out_once(caller: Caller, request_for: Any) -> None:
    results = await caller.at_once("CreateService", [request_for("api") for _ in range(5)])
    assert messages(results) == ["Creation of service was not idempotent."] * 4


async def test_one_alias_is_given_out_once(caller: Caller, request_for: Any) -> None:
    requests = [request_for(f"s{number}", dns="api", discoveryName=f"d{number}") for number in range(5)]
    refused = messages(await caller.at_once("CreateService", requests))
    assert len(refused) == 4
    assert all(message.startswith("ClientAlias api:80 is already used by service") for message in refused)
    assert len(caller.store.snapshot().within(ConnectEndpoint, *ACCOUNT)) == 1


async def test_one_discovery_name_is_given_out_once(caller: Caller, request_for: Any) -> None:
    requests = [request_for(f"s{number}", dns=f"a{number}") for number in range(5)]
    refused = messages(await caller.at_once("CreateService", requests))
    assert len(refused) == 4
    assert all(message.startswith("SC service is already used by arn:aws:ecs") for message in refused)
    owned = [claim for claim in caller.store.snapshot().within(Claim, *ACCOUNT) if ":service/demo/" in claim.owner]
    assert len(owned) == 2


async def test_revisions_that_are_registered_at_once_get_numbers_of_their_own(caller: Caller, definition: Any) -> None:
    results = await caller.at_once("RegisterTaskDefinition", [definition("web") for _ in range(5)])
    assert messages(results) == []
    numbers = [each["taskDefinition"]["revision"] for each in results if isinstance(each, dict)]
    assert sorted(numbers) == [1, 2, 3, 4, 5]


async def test_a_token_that_comes_twice_at_once_makes_one_service(caller: Caller, request_for: Any) -> None:
    requests = [{**request_for("api"), "clientToken": "t"} for _ in range(3)]
    results = await caller.at_once("CreateService", requests)
    assert messages(results) == []
    assert len({each["service"]["deployments"][0]["id"] for each in results if isinstance(each, dict)}) == 1


async def test_no_service_comes_into_a_cluster_that_is_being_deleted(caller: Caller, request_for: Any) -> None:
    """Whichever comes first, the other is refused: never an active service in an inactive cluster."""
    await caller.call("CreateCluster", clusterName="short")
    create = {**request_for("api"), "cluster": "short"}
    del create["serviceConnectConfiguration"]
    both = await asyncio.gather(
        caller.call("CreateService", **create),
        caller.call("DeleteCluster", cluster="short"),
        return_exceptions=True,
    )
    assert len(messages(list(both))) == 1
    cluster = (await caller.call("DescribeClusters", clusters=["short"]))["clusters"][0]
    assert (cluster["status"], cluster["activeServicesCount"]) in [("ACTIVE", 1), ("INACTIVE", 0)]


async def test_many_services_come_into_a_namespace_at_once(caller: Caller, request_for: Any) -> None:
    requests = [request_for(f"s{number}", dns=f"a{number}", discoveryName=f"d{number}") for number in range(20)]
    assert messages(await caller.at_once("CreateService", requests)) == []
    assert len(caller.store.snapshot().within(ConnectEndpoint, *ACCOUNT)) == 20


async def test_a_deletion_of_a_namespace_that_a_service_came_into_is_stale(caller: Caller, request_for: Any) -> None:
    """The deletion was decided on a World without the service; the service was committed before it took effect."""
    store = caller.store
    namespace = store.snapshot().within(Namespace, *ACCOUNT)[0]
    now, targets = SystemClock().now(), {"NAMESPACE": namespace.id}
    deletion = Operation(*ACCOUNT, "op", registry_operations.DELETE_NAMESPACE, PENDING, now, now, targets)
    await store.commit([Put(deletion)], {})
    before = store.snapshot()
    step = registry_operations.next_step(before, deletion.key, now)
    assert step is not None
    await caller.call("CreateService", **request_for("api"))
    with pytest.raises(Stale):
        await store.commit(step.writes, step.expect(before))
    assert store.snapshot().get(Namespace, namespace.key) is not None


async def test_a_service_cannot_come_into_a_namespace_that_was_deleted_meanwhile(
    caller: Caller, request_for: Any
) -> None:
    namespace = caller.store.snapshot().within(Namespace, *ACCOUNT)[0]
    deleting = asyncio.ensure_future(caller.store.commit([Delete(Namespace.table, namespace.key)], {}))
    creating = caller.call("CreateService", **request_for("api"))
    results = await asyncio.gather(deleting, creating, return_exceptions=True)
    refused = [each for each in results if isinstance(each, OperationFailed)]
    assert [each.code for each in refused] == ["NamespaceNotFoundException"]


async def test_a_request_right_after_the_cluster_finds_its_namespace(caller: Caller, request_for: Any) -> None:
    """The request walks on what makes the namespace, at the same time as the work that CreateCluster left."""
    made = await caller.call("CreateCluster", clusterName="next", serviceConnectDefaults={"namespace": "next.local"})
    assert made["cluster"]["status"] == "PROVISIONING"
    service = await caller.call("CreateService", **{**request_for("api"), "cluster": "next"})
    (deployment,) = service["service"]["deployments"]
    assert deployment["serviceConnectResources"][0]["discoveryName"] == "http"
    (cluster,) = (await caller.call("DescribeClusters", clusters=["next"]))["clusters"]
    assert cluster["status"] == "ACTIVE"
    await caller.settle()


async def test_two_clusters_made_at_once_share_the_namespace_that_they_name(caller: Caller) -> None:
    asked = [{"clusterName": name, "serviceConnectDefaults": {"namespace": "both.local"}} for name in ("one", "two")]
    made = await caller.at_once("CreateCluster", asked)
    assert messages(made) == []
    await caller.settle()
    (namespace,) = [each for each in caller.store.snapshot().all(Namespace) if each.name == "both.local"]
    found = await caller.call("DescribeClusters", clusters=["one", "two"])
    assert [each["serviceConnectDefaults"] for each in found["clusters"]] == [{"namespace": namespace.arn}] * 2
    assert [each["status"] for each in found["clusters"]] == ["ACTIVE", "ACTIVE"]


async def test_a_cluster_that_a_dying_daemon_left_provisioning_becomes_active(caller: Caller) -> None:
    now = SystemClock().now()
    namespace = Namespace(*ACCOUNT, "ns-next", "next.local", HTTP, now)
    making = Operation(
        *ACCOUNT, "op", registry_operations.CREATE_NAMESPACE, PENDING, now, now, {"NAMESPACE": "ns-next"}
    )
    left = Cluster(*ACCOUNT, "next", ACTIVE, now, default_namespace=namespace.arn)
    await caller.store.commit([Put(replace(making, namespace=namespace)), Put(left)], {})
    (cluster,) = (await caller.call("DescribeClusters", clusters=["next"]))["clusters"]
    assert cluster["status"] == "PROVISIONING"
    await progress.resume(caller.store, SystemClock())
    (cluster,) = (await caller.call("DescribeClusters", clusters=["next"]))["clusters"]
    assert cluster["status"] == "ACTIVE"
