"""What must never be true of a World. Tests and the simulation ask after every commit; nothing found: it is sound."""

from collections.abc import Iterator

from moorage.domain.claim import ALIAS, Claim, claim_key
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.service import EXTERNAL, PRIMARY, Deployment, Rollout, Service, ServiceProgress
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.task_set import TaskSet
from moorage.domain.world import World


def contradictions(world: World) -> list[str]:
    """Every contradiction in the World, as a sentence that names the records."""
    return [
        problem
        for look in (_states, _addresses, _tasks, _services, _deployments, _endpoints, _instances)
        for problem in look(world)
    ]


def _states(world: World) -> Iterator[str]:
    for state in world.all(TaskState):
        if world.get(Task, state.key) is None:
            yield f"task state {state.id} has no task"
        if state.status is Status.RUNNING and state.address is None:
            yield f"task {state.id} is RUNNING without an address"
        if state.status in (Status.RUNNING, Status.DEACTIVATING) and state.started_at is None:
            yield f"task {state.id} is {state.status} and never started"


def _addresses(world: World) -> Iterator[str]:
    held: dict[str, str] = {}
    for state in world.all(TaskState):
        if state.status in (Status.DEPROVISIONING, Status.STOPPED):
            continue
        for address in _own(state):
            if (other := held.setdefault(address, state.id)) != state.id:
                yield f"tasks {other} and {state.id} have the same address {address}"


def _own(state: TaskState) -> Iterator[str]:
    """What only this task is reached at: its addresses, and its ports of the container instance."""
    yield from (key[0] for _, key in state.links())
    for binding in state.bindings:
        for port in range(binding.host_port, binding.host_port + binding.size):
            yield f"{state.host_address}:{port}/{binding.protocol}"


def _tasks(world: World) -> Iterator[str]:
    for task in world.all(Task):
        if world.get(TaskDefinition, task.task_definition) is None:
            yield f"task {task.id} has no task definition"
        if not _has_ended(world, task) and task.deployment_key and world.get(Deployment, task.deployment_key) is None:
            yield f"task {task.id} has outlived its deployment {task.deployment_id}"


def _has_ended(world: World, task: Task) -> bool:
    state = world.get(TaskState, task.key)
    return state is not None and state.status is Status.STOPPED


def _services(world: World) -> Iterator[str]:
    for service in world.all(Service):
        progress = world.get(ServiceProgress, service.key)
        if progress is None:
            yield f"service {service.name} has no progress"
            continue
        primary = world.get(Deployment, (*service.key, service.deployment_id))
        if (
            progress.inactive_at is None
            and primary is None
            and (service.controller != EXTERNAL or service.deployment_id)
        ):
            yield f"service {service.name} has no {PRIMARY} deployment"


def _deployments(world: World) -> Iterator[str]:
    for deployment in world.all(Deployment):
        if world.get(Rollout, deployment.key) is None:
            yield f"deployment {deployment.id} has no rollout"
        if world.get(Service, deployment.service_key) is None:
            yield f"deployment {deployment.id} has no service"
    for task_set in world.all(TaskSet):
        if world.get(Deployment, task_set.key) is None:
            yield f"task set {task_set.id} has nothing to make tasks from"


def _endpoints(world: World) -> Iterator[str]:
    for endpoint in world.all(ConnectEndpoint):
        name = (endpoint.namespace_id, f"{endpoint.alias}:{endpoint.alias_port}")
        claim = world.get(Claim, claim_key(endpoint.account, endpoint.region, ALIAS, *name))
        if claim is None or claim.owner != endpoint.service_arn:
            yield f"endpoint {endpoint.discovery_name} has no claim on its alias {name[1]}"
        if world.get(RegistryService, (endpoint.account, endpoint.region, endpoint.registry_service_id)) is None:
            yield f"endpoint {endpoint.discovery_name} has no Cloud Map service"


def _instances(world: World) -> Iterator[str]:
    for instance in world.all(Instance):
        if world.get(RegistryService, instance.key[:3]) is None:
            yield f"instance {instance.id} has no Cloud Map service"
