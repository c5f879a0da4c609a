"""Which Cloud Map instances a service's tasks call for: those that run, count as healthy and are not being stopped.

Reference section 4.1: one instance for each task and exposed port, its id the task's id.
"""

from collections.abc import Iterator
from datetime import datetime

from moorage.domain.changes import Delete, Put, Write
from moorage.domain.registry import Instance, InstancesRevision, RegistryService
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Status, Task, TaskState, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning.sidecar import Listener, Proxy, proxy_of


def plan(service: Service, world: World, now: datetime) -> list[Write]:
    """The writes that make the registry hold exactly the instances that the service's tasks call for."""
    registries = [r for r in world.linked(RegistryService, "managed", (service.arn,)) if not r.hidden]
    wanted = {instance.key: instance for instance in _instances(service, world, now)}
    writes: list[Write] = []
    for registry in registries:
        held = {i.key: i for i in world.linked(Instance, "service", registry.key) if i.task_id}
        here = {key: instance for key, instance in wanted.items() if key[:3] == registry.key}
        changes = _difference(held, here)
        if changes:
            writes += [*changes, Put(_next_revision(world, registry))]
    return writes


def _difference(held: dict[tuple[str, ...], Instance], wanted: dict[tuple[str, ...], Instance]) -> list[Write]:
    gone: list[Write] = [Delete(Instance.table, key) for key in held if key not in wanted]
    new = [i for key, i in wanted.items() if key not in held or held[key].attributes != i.attributes]
    return gone + [Put(instance) for instance in new]


def _next_revision(world: World, registry: RegistryService) -> InstancesRevision:
    last = world.get(InstancesRevision, registry.key)
    return InstancesRevision(registry.account, registry.region, registry.id, (last.number if last else 0) + 1)


def _instances(service: Service, world: World, now: datetime) -> Iterator[Instance]:
    for task in world.linked(Task, "service", service.key):
        state = world.get(TaskState, task.key)
        deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
        definition = world.get(TaskDefinition, task.task_definition)
        if state is None or deployment is None or definition is None or not serves(task, state):
            continue
        services = {name: arn.rsplit("/", 1)[-1] for name, arn in deployment.discovery}
        proxy = proxy_of(task, deployment, definition)
        for listener in proxy.ingress if proxy is not None else ():
            service_id = services.get(listener.exposed.discovery_name)
            if proxy is not None and service_id is not None:
                where = (service_id, _port(state, proxy, listener))
                yield _instance(task, state, deployment, listener, where, now)


def serves(task: Task, state: TaskState) -> bool:
    """True while the task takes traffic."""
    running = state.status is Status.RUNNING and state.healthy_at is not None and state.address is not None
    return running and stop_of(task, state) is None


def _port(state: TaskState, proxy: Proxy, listener: Listener) -> int:
    """Where neighbours connect: to the proxy's port of the container instance, if it has a network of its own."""
    return state.host_port(proxy.container, listener.port) if proxy.apart else listener.exposed.port


def _instance(
    task: Task, state: TaskState, deployment: Deployment, listener: Listener, where: tuple[str, int], now: datetime
) -> Instance:
    exposed, (service_id, port) = listener.exposed, where
    attributes = {
        "AWS_INSTANCE_IPV4": state.reached_at,
        "AWS_INSTANCE_PORT": str(port),
        "DeploymentId": deployment.task_set_arn,
        "IdleTimeoutInSeconds": str(exposed.idle_timeout),
        "PerRequestTimeoutInSeconds": str(exposed.per_request_timeout or 0),
    }
    if task.availability_zone:
        attributes["AvailabilityZone"] = task.availability_zone
    return Instance(task.account, task.region, service_id, task.id, attributes, created_at=now, task_id=task.id)
