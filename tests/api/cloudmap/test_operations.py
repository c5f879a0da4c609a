"""Operations step by step, on a store of their own: what each commit leaves, and what a restart makes of it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from moorage.api import operations
from moorage.api.cloudmap import progress
from moorage.api.dispatch import Call, Dispatcher
from moorage.domain.changes import Put
from moorage.domain.errors import DomainError
from moorage.domain.registry import Namespace, Operation, RegistryService
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT, REGION = "123456789012", "eu-west-1"


class Patient(Dispatcher):
    """Keeps what shall go on after an answer until it is told to: a daemon that dies there never does it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(operations.table(), store, SystemClock(), SystemIds())
        self.kept: list[Coroutine[Any, Any, None]] = []

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        self.kept.append(work)

    def die(self) -> None:
        for work in self.kept:
            work.close()
        self.kept.clear()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def dispatcher(store: MemoryStore) -> Any:
    patient = Patient(store)
    yield patient
    patient.die()


@pytest.fixture
def call(dispatcher: Patient) -> Callable[..., Coroutine[Any, Any, dict[str, Any]]]:
    async def perform(operation: str, **arguments: Any) -> dict[str, Any]:
        made = Call(ACCOUNT, REGION, "servicediscovery", operation, "r")
        return (await dispatcher.perform(made, lambda _model: arguments)).output

    return perform


def statuses(store: MemoryStore) -> list[str]:
    return [operation.status for operation in store.snapshot().within(Operation, ACCOUNT, REGION)]


async def test_an_operation_goes_from_submitted_over_pending_to_success(
    store: MemoryStore, dispatcher: Any, call: Any
) -> None:
    seen: list[str] = []
    store.watch(lambda _commit: seen.extend(statuses(store)))
    await call("CreateHttpNamespace", Name="shop")
    assert statuses(store) == ["SUBMITTED"]
    assert store.snapshot().within(Namespace, ACCOUNT, REGION) == []
    await dispatcher.kept.pop()
    assert seen == ["SUBMITTED", "PENDING", "SUCCESS"]
    assert [found.name for found in store.snapshot().within(Namespace, ACCOUNT, REGION)] == ["shop"]


async def test_the_same_again_is_refused_while_it_is_under_way(call: Any) -> None:
    submitted = await call("CreateHttpNamespace", Name="shop")
    with pytest.raises(DomainError, match=f"CreateHttpNamespace and id {submitted['OperationId']} is in progress"):
        await call("CreateHttpNamespace", Name="shop")


async def test_a_restarted_daemon_finishes_what_it_had_answered(store: MemoryStore, dispatcher: Any, call: Any) -> None:
    await call("CreateHttpNamespace", Name="one")
    await call("CreateHttpNamespace", Name="two")
    dispatcher.die()
    await progress.resume(store, SystemClock())
    assert statuses(store) == ["SUCCESS", "SUCCESS"]
    assert {found.name for found in store.snapshot().within(Namespace, ACCOUNT, REGION)} == {"one", "two"}


async def test_a_deletion_that_is_overtaken_by_a_new_service_fails_with_its_code(
    store: MemoryStore, dispatcher: Any, call: Any
) -> None:
    await call("CreateHttpNamespace", Name="shop")
    await dispatcher.kept.pop()
    home = store.snapshot().within(Namespace, ACCOUNT, REGION)[0].id
    submitted = await call("DeleteNamespace", Id=home)
    await call("CreateService", Name="cart", NamespaceId=home)
    await dispatcher.kept.pop()
    shown = (await call("GetOperation", OperationId=submitted["OperationId"]))["Operation"]
    assert (shown["Status"], shown["ErrorCode"]) == ("FAIL", "ResourceInUse")
    assert store.snapshot().get(Namespace, (ACCOUNT, REGION, home)) is not None


async def test_an_instance_of_a_service_that_went_away_is_not_registered(
    store: MemoryStore, dispatcher: Any, call: Any
) -> None:
    await call("CreateHttpNamespace", Name="shop")
    await dispatcher.kept.pop()
    home = store.snapshot().within(Namespace, ACCOUNT, REGION)[0].id
    service = (await call("CreateService", Name="cart", NamespaceId=home))["Service"]["Id"]
    submitted = await call("RegisterInstance", ServiceId=service, InstanceId="i", Attributes={"a": "b"})
    await call("DeleteService", Id=service)
    await dispatcher.kept.pop()
    shown = (await call("GetOperation", OperationId=submitted["OperationId"]))["Operation"]
    assert (shown["Status"], shown["ErrorCode"]) == ("FAIL", "ServiceNotFound")


async def test_of_two_that_want_one_name_one_wins(store: MemoryStore, dispatcher: Any, call: Any) -> None:
    answers = await asyncio.gather(
        *(call("CreateHttpNamespace", Name="shop") for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    assert all(isinstance(answer, (dict, DomainError)) for answer in answers)
    await dispatcher.kept.pop()
    assert len(store.snapshot().within(Namespace, ACCOUNT, REGION)) == 1


async def test_operations_are_listed_by_filter(store: MemoryStore, dispatcher: Any, call: Any) -> None:
    first = await call("CreateHttpNamespace", Name="one")
    await dispatcher.kept.pop()
    second = await call("CreateHttpNamespace", Name="two")

    async def listed(name: str, condition: str, *values: str) -> list[str]:
        filters = [{"Name": name, "Condition": condition, "Values": list(values)}]
        return [found["Id"] for found in (await call("ListOperations", Filters=filters))["Operations"]]

    assert await listed("STATUS", "EQ", "SUCCESS") == [first["OperationId"]]
    assert await listed("STATUS", "IN", "SUBMITTED", "PENDING") == [second["OperationId"]]
    assert len(await listed("UPDATE_DATE", "BETWEEN", "0", "99999999999")) == 2
    assert await listed("UPDATE_DATE", "BETWEEN", "0", "1") == []
    assert len(await listed("TYPE", "EQ", "CREATE_NAMESPACE")) == 2


async def test_many_services_come_into_a_namespace_at_the_same_time(
    store: MemoryStore, dispatcher: Any, call: Any
) -> None:
    await call("CreateHttpNamespace", Name="shop")
    await dispatcher.kept.pop()
    home = store.snapshot().within(Namespace, ACCOUNT, REGION)[0]
    made = await asyncio.gather(*(call("CreateService", Name=f"s{n}", NamespaceId=home.id) for n in range(30)))
    assert {answer["Service"]["Name"] for answer in made} == {f"s{n}" for n in range(30)}
    assert store.snapshot().count_linked(RegistryService, "namespace", home.key) == 30


async def test_finished_operations_are_forgotten_before_they_are_too_many(
    store: MemoryStore, dispatcher: Any, call: Any
) -> None:
    now = SystemClock().now()
    old = [
        Operation(ACCOUNT, REGION, f"old-{number:04}", "CREATE_NAMESPACE", "SUCCESS", now, now, {})
        for number in range(progress.OPERATIONS_KEPT)
    ]
    await store.commit([Put(operation) for operation in old], {})
    submitted = await call("CreateHttpNamespace", Name="shop")
    left = store.snapshot().within(Operation, ACCOUNT, REGION)
    assert len(left) == progress.OPERATIONS_KEPT // 2 + 1
    assert submitted["OperationId"] in {operation.id for operation in left}
