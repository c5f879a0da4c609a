"""Which Cloud Map instances a service's tasks call for, by Service Connect and by service discovery.

Service Connect: tasks that run, count as healthy and are not being stopped; one instance for each task and exposed
port (reference section 4.1). Service discovery: see `discovery`. An instance's id is the task's id.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from moorage.domain.changes import Delete, Key, Put, Write
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.registry_operations import next_revision
from moorage.domain.service import Deployment, Service
from moorage.domain.task import Status, Task, TaskState, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import discovery
from moorage.planning.sidecar import Listener, Proxy, proxy_of


def plan(service: Service, world: World, now: datetime) -> list[Write]:
    """The writes that make the registry hold exactly the instances that the service's tasks call for."""
    managed = [r.key for r in world.linked(RegistryService, "managed", (service.arn,)) if not r.hidden]
    held = {i.key: i for registry in managed for i in world.linked(Instance, "service", registry) if i.task_id}
    held |= {i.key: i for i in world.linked(Instance, "owner", (service.arn,))}
    wanted = {instance.key: instance for instance in _instances(service, world, now)}
    writes: list[Write] = []
    for registry in sorted({key[:3] for key in (*held, *wanted)}):
        writes += _difference(
            world,
            {key: instance for key, instance in held.items() if key[:3] == registry},
            {key: instance for key, instance in wanted.items() if key[:3] == registry},
        )
    return writes


def _difference(world: World, held: dict[Key, Instance], wanted: dict[Key, Instance]) -> list[Write]:
    """A registration or deregistration is a revision of the registry's instances, a change of health is none."""
    changes: list[Write] = [Delete(Instance.table, key) for key in held if key not in wanted]
    changes += [Put(i) for key, i in wanted.items() if key not in held or held[key].attributes != i.attributes]
    registry = next(iter((*held, *wanted)))[:3]
    revision = [Put(next_revision(world, registry))] if changes else []
    same = [(held[key], i) for key, i in wanted.items() if key in held and held[key].attributes == i.attributes]
    return [*changes, *revision, *(Put(replace(i, healthy=j.healthy)) for i, j in same if i.healthy != j.healthy)]


def _instances(service: Service, world: World, now: datetime) -> Iterator[Instance]:
    yield from _of_connect(service, world, now)
    yield from discovery.instances(service, world, now)


def _of_connect(service: Service, world: World, now: datetime) -> Iterator[Instance]:
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
