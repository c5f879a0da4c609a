"""What an asynchronous Cloud Map operation does when its turn comes, as writes.

`api/cloudmap` submits operations and walks them on; an effect that is not possible any more is a DomainError, and the
operation fails with its code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from moorage.domain import registry_errors
from moorage.domain.changes import Delete, Key, Put, RecordId, Write
from moorage.domain.claim import Claim
from moorage.domain.registry import (
    FAIL,
    PENDING,
    SUBMITTED,
    SUCCESS,
    Instance,
    InstancesRevision,
    Namespace,
    Operation,
    RegistryService,
)
from moorage.domain.world import World

CREATE_NAMESPACE = "CREATE_NAMESPACE"
UPDATE_NAMESPACE = "UPDATE_NAMESPACE"
DELETE_NAMESPACE = "DELETE_NAMESPACE"
UPDATE_SERVICE = "UPDATE_SERVICE"
REGISTER_INSTANCE = "REGISTER_INSTANCE"
DEREGISTER_INSTANCE = "DEREGISTER_INSTANCE"


@dataclass(frozen=True)
class Step:
    """Writes, and the records that they rest on."""

    writes: tuple[Write, ...]
    rest_on: tuple[RecordId, ...] = ()

    def expect(self, world: World) -> dict[RecordId, int]:
        return {record: world.versions.get(record, 0) for record in self.rest_on}


def next_step(world: World, key: Key, now: datetime) -> Step | None:
    """One step of an operation: SUBMITTED becomes PENDING, PENDING takes effect. None once it is finished."""
    operation = world.get(Operation, key)
    if operation is None or operation.finished:
        return None
    if operation.status == SUBMITTED:
        return Step((Put(replace(operation, status=PENDING, updated_at=now)),), ((Operation.table, key),))
    effect = _EFFECTS[operation.type](world, operation)
    done = replace(operation, status=SUCCESS, updated_at=now, namespace=None, service=None, instance=None)
    return Step((*effect.writes, Put(done)), (*effect.rest_on, (Operation.table, key)))


def failed(operation: Operation, code: str, message: str, now: datetime) -> Step:
    """The operation ends without effect. A namespace that never came to be gives its name back."""
    ended = replace(
        operation,
        status=FAIL,
        error_code=code,
        error_message=message,
        updated_at=now,
        namespace=None,
        service=None,
        instance=None,
    )
    claims: tuple[Claim, ...] = ()
    if operation.type == CREATE_NAMESPACE and operation.namespace is not None:
        claims = operation.namespace.claims()
    writes: tuple[Write, ...] = (Put(ended), *(Delete(Claim.table, claim.key) for claim in claims))
    return Step(writes, ((Operation.table, operation.key),))


def _create_namespace(_world: World, operation: Operation) -> Step:
    return Step((Put(operation.namespace),))


def _update_namespace(world: World, operation: Operation) -> Step:
    planned = operation.namespace
    current = world.get(Namespace, (operation.account, operation.region, operation.targets["NAMESPACE"]))
    if current is None or planned is None:
        raise registry_errors.NamespaceUnknown(operation.targets["NAMESPACE"])
    changed = replace(current, description=planned.description, properties=planned.properties)
    return Step((Put(changed),), ((Namespace.table, current.key),))


def _delete_namespace(world: World, operation: Operation) -> Step:
    namespace = world.get(Namespace, (operation.account, operation.region, operation.targets["NAMESPACE"]))
    if namespace is None:
        raise registry_errors.NamespaceUnknown(operation.targets["NAMESPACE"])
    check_no_services(world, namespace)
    writes: tuple[Write, ...] = (
        Delete(Namespace.table, namespace.key),
        *(Delete(Claim.table, claim.key) for claim in (*namespace.claims(), namespace.use())),
    )
    return Step(writes, ((Namespace.table, namespace.key), (Claim.table, namespace.use().key)))


def check_no_services(world: World, namespace: Namespace) -> None:
    """InUse if the namespace has services. Who adds one puts the namespace or its use: no deletion slips by."""
    if world.count_linked(RegistryService, "namespace", namespace.key):
        raise registry_errors.InUse(f"Namespace {namespace.id}", "services")


def _update_service(world: World, operation: Operation) -> Step:
    planned = operation.service
    current = world.get(RegistryService, (operation.account, operation.region, operation.targets["SERVICE"]))
    if current is None or planned is None:
        raise registry_errors.RegistryServiceUnknown(operation.targets["SERVICE"])
    changed = replace(current, description=planned.description, dns_config=planned.dns_config)
    return Step((Put(changed),), ((RegistryService.table, current.key),))


def _register_instance(world: World, operation: Operation) -> Step:
    instance = operation.instance
    service = None if instance is None else world.get(RegistryService, instance.key[:3])
    if instance is None or service is None:
        raise registry_errors.RegistryServiceUnknown(operation.targets.get("SERVICE", ""))
    revision = next_revision(world, service.key)
    rest_on = ((RegistryService.table, service.key), (InstancesRevision.table, service.key))
    return Step((Put(instance), Put(revision)), rest_on)


def _deregister_instance(world: World, operation: Operation) -> Step:
    service_key = (operation.account, operation.region, operation.targets["SERVICE"])
    instance = world.get(Instance, (*service_key, operation.targets["INSTANCE"]))
    if instance is None:
        raise registry_errors.InstanceUnknown(operation.targets["INSTANCE"], operation.targets["SERVICE"])
    writes = (Delete(Instance.table, instance.key), Put(next_revision(world, service_key)))
    return Step(writes, ((Instance.table, instance.key), (InstancesRevision.table, service_key)))


def next_revision(world: World, service_key: Key) -> InstancesRevision:
    """The revision of a service's instances after one more change."""
    last = world.get(InstancesRevision, service_key)
    account, region, service_id = service_key
    return InstancesRevision(account, region, service_id, (last.number if last else 0) + 1)


_EFFECTS: dict[str, Callable[[World, Operation], Step]] = {
    CREATE_NAMESPACE: _create_namespace,
    UPDATE_NAMESPACE: _update_namespace,
    DELETE_NAMESPACE: _delete_namespace,
    UPDATE_SERVICE: _update_service,
    REGISTER_INSTANCE: _register_instance,
    DEREGISTER_INSTANCE: _deregister_instance,
}
