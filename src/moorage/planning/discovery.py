"""What ECS service discovery registers of a service's tasks, in Cloud Map services that belong to the user.

A task is registered as soon as it runs and until it is asked to stop or fails its health checks. Where the Cloud Map
service has a custom health check, the task is UNHEALTHY until its containers' health checks have passed. Source: Amazon
ECS developer guide, "Service discovery considerations".
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from moorage.domain.instance_rules import HEALTHY, INIT_HEALTH, IPV4, PORT, UNHEALTHY
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.service import Deployment, Service
from moorage.domain.service_registry import ServiceRegistry
from moorage.domain.task import Status, Task, TaskState, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import health


def instances(service: Service, world: World, now: datetime) -> Iterator[Instance]:
    """The instances that the service's tasks call for now. A Cloud Map service that is gone gets none."""
    for task in world.linked(Task, "service", service.key):
        deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
        if deployment is None or not deployment.registries:
            continue
        state = world.get(TaskState, task.key)
        definition = world.get(TaskDefinition, task.task_definition)
        if state is None or definition is None or not _is_registered(task, state):
            continue
        for registry in deployment.registries:
            found = world.get(RegistryService, (service.account, service.region, registry.service_id))
            attributes = _attributes(task, state, definition, registry)
            if found is not None and attributes is not None:
                instance = Instance(
                    account=service.account,
                    region=service.region,
                    service_id=found.id,
                    id=task.id,
                    attributes=attributes,
                    created_at=now,
                    task_id=task.id,
                    owner=service.arn,
                )
                yield instance if found.health_check_custom_config is None else _checked(instance, definition, state)


def _is_registered(task: Task, state: TaskState) -> bool:
    running = state.status is Status.RUNNING and bool(state.reached_at)
    return running and state.health != UNHEALTHY and stop_of(task, state) is None


def _checked(instance: Instance, definition: TaskDefinition, state: TaskState) -> Instance:
    """The instance with the health that ECS tells Cloud Map: HEALTHY where no container is checked."""
    begins = UNHEALTHY if health.checked(definition) else HEALTHY
    attributes = {**instance.attributes, INIT_HEALTH: begins}
    return replace(instance, attributes=attributes, healthy=HEALTHY in (begins, state.health))


def _attributes(
    task: Task, state: TaskState, definition: TaskDefinition, registry: ServiceRegistry
) -> dict[str, str] | None:
    """Where the task is reached and what it is; None while its port of the container instance is not known."""
    attributes = {
        IPV4: state.reached_at,
        "REGION": task.region,
        "ECS_SERVICE_NAME": task.service or "",
        "ECS_CLUSTER_NAME": task.cluster,
        "ECS_TASK_DEFINITION_FAMILY": definition.family,
    }
    if task.availability_zone:
        attributes["AVAILABILITY_ZONE"] = task.availability_zone
    port = registry.port or registry.container_port
    if definition.mode != "awsvpc" and registry.container_port is not None:
        port = _host_port(state, definition, registry)
        if not port:
            return None
    return {**attributes, PORT: str(port)} if port else attributes


def _host_port(state: TaskState, definition: TaskDefinition, registry: ServiceRegistry) -> int:
    """The container instance's port that leads to the registered container port; 0 while there is none."""
    name, port = registry.container_name or "", registry.container_port or 0
    protocols = [
        mapping.protocol
        for container in definition.containers
        for mapping in container.port_mappings
        if (container.name, mapping.container_port) == (name, port)
    ]
    return next((found for each in protocols if (found := state.host_port(name, port, each))), 0)
