"""A task as DescribeTasks shows it: what shall run, beside what was seen of it. Nothing is shown that was not seen."""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from moorage.api.ecs import network_interface, tagging
from moorage.api.ecs.output import given
from moorage.domain import arns
from moorage.domain.capacity import ContainerInstance
from moorage.domain.service import Deployment
from moorage.domain.service_rules import EC2, FARGATE
from moorage.domain.task import ContainerState, PortBinding, Status, Task, TaskState, desired_status, stop_of
from moorage.domain.task_definition import ContainerDefinition, TaskDefinition
from moorage.domain.world import World

GONE = (Status.DEPROVISIONING, Status.STOPPED)
SERVICE_CONNECT = "Service Connect"
ANYWHERE = "0.0.0.0"


def task(world: World, found: Task, with_tags: bool = True) -> dict[str, Any]:
    """The task with its containers and attachments."""
    state = world.get(TaskState, found.key) or TaskState(found.account, found.region, found.cluster, found.id)
    definition = world.get(TaskDefinition, found.task_definition)
    return given(
        taskArn=found.arn,
        clusterArn=arns.cluster(found.account, found.region, found.cluster),
        taskDefinitionArn=_definition_arn(found),
        attachments=list(_attachments(world, found, state)),
        containers=list(_containers(found, state, definition)),
        **_size(found, definition),
        **_status(found, state),
        **_times(found, state),
        availabilityZone=found.availability_zone or None,
        containerInstanceArn=_instance(world, found),
        launchType=found.launch_type,
        capacityProviderName=found.capacity_provider or None,
        platformVersion=found.platform_version,
        platformFamily="Linux" if found.launch_type == FARGATE else None,
        group=found.group,
        startedBy=found.started_by or None,
        enableExecuteCommand=found.recorded.get("enableExecuteCommand", False),
        overrides={"containerOverrides": [], "inferenceAcceleratorOverrides": [], **found.overrides},
        tags=tagging.present(found.tags) if with_tags else [],
    )


def container_arn(found: Task, name: str) -> str:
    """The ARN of one of its containers."""
    return arns.container(found.account, found.region, found.cluster, found.id, _id(found, name))


def _instance(world: World, found: Task) -> str | None:
    """The container instance that an EC2 task is on; Fargate shows none."""
    instance = world.get(ContainerInstance, found.key[:3]) if found.launch_type == EC2 else None
    return instance.arn if instance is not None else None


def _status(found: Task, state: TaskState) -> dict[str, Any]:
    stop = stop_of(found, state)
    return given(
        lastStatus=str(state.status),
        desiredStatus=desired_status(found, state),
        healthStatus=state.health,
        version=state.version,
        stopCode=str(stop.code) if stop is not None else None,
        stoppedReason=stop.reason if stop is not None else None,
        connectivity="CONNECTED" if state.address is not None else None,
    )


def _times(found: Task, state: TaskState) -> dict[str, Any]:
    return given(
        createdAt=found.created_at,
        connectivityAt=state.pull_started_at if state.address is not None else None,
        pullStartedAt=state.pull_started_at,
        pullStoppedAt=state.pull_stopped_at,
        startedAt=state.started_at,
        stoppingAt=state.stopping_at,
        executionStoppedAt=state.execution_stopped_at,
        stoppedAt=state.stopped_at,
    )


def _size(found: Task, definition: TaskDefinition | None) -> dict[str, Any]:
    document = definition.document if definition is not None else {}
    storage = found.overrides.get("ephemeralStorage", document.get("ephemeralStorage"))
    cpu, memory = (found.overrides.get(each, document.get(each)) for each in ("cpu", "memory"))
    return given(cpu=cpu, memory=memory, ephemeralStorage=storage)


def _containers(found: Task, state: TaskState, definition: TaskDefinition | None) -> Iterator[dict[str, Any]]:
    """The containers of the definition in its order, then what was added to them: the proxy."""
    defined = {each.name: each for each in (definition.containers if definition is not None else ())}
    seen = {each.name: each for each in state.containers}
    for name in dict.fromkeys((*defined, *seen)):
        yield _container(found, state, seen.get(name) or ContainerState(name), defined.get(name))


def _container(
    found: Task, state: TaskState, seen: ContainerState, definition: ContainerDefinition | None
) -> dict[str, Any]:
    document = definition.document if definition is not None else {}
    memory, reservation = document.get("memory"), document.get("memoryReservation")
    return given(
        containerArn=container_arn(found, seen.name),
        taskArn=found.arn,
        name=seen.name,
        image=definition.image if definition is not None else None,
        imageDigest=seen.image_digest or None,
        runtimeId=seen.runtime_id or None,
        lastStatus=seen.status,
        exitCode=seen.exit_code,
        reason=seen.reason or None,
        networkBindings=[_binding(each) for each in bindings(state, seen)],
        managedAgents=_managed_agents(found, seen) if definition is not None else None,
        networkInterfaces=_interfaces(found, state),
        healthStatus=seen.health,
        cpu=str(document["cpu"]) if "cpu" in document else None,
        memory=str(memory) if memory is not None else None,
        memoryReservation=str(reservation) if reservation is not None else None,
    )


def bindings(state: TaskState, seen: ContainerState) -> list[PortBinding]:
    """The container's ports of the instance, while it runs."""
    return [each for each in state.bindings if each.container == seen.name and seen.status == "RUNNING"]


def _binding(of: PortBinding) -> dict[str, Any]:
    ranges = {
        "containerPortRange": f"{of.container_port}-{of.container_port + of.size - 1}",
        "hostPortRange": f"{of.host_port}-{of.host_port + of.size - 1}",
    }
    single = {"containerPort": of.container_port, "hostPort": of.host_port}
    return {"bindIP": ANYWHERE, "protocol": of.protocol, **(ranges if of.ranged else single)}


def _managed_agents(found: Task, seen: ContainerState) -> list[dict[str, Any]] | None:
    """What lets ExecuteCommand in: there is no agent in the container, but it can be entered while it runs."""
    if not found.recorded.get("enableExecuteCommand"):
        return None
    return [given(name="ExecuteCommandAgent", lastStatus=seen.status, lastStartedAt=seen.started_at)]


def _interfaces(found: Task, state: TaskState) -> list[dict[str, str]]:
    if found.network is None or state.address is None:
        return []
    return [{"attachmentId": network_interface.attachment_id(found), "privateIpv4Address": state.address}]


def _attachments(world: World, found: Task, state: TaskState) -> Iterator[dict[str, Any]]:
    if found.network is not None:
        yield _attachment(found, network_interface.KIND, _interface_status(state), _interface_details(found, state))
    deployment = world.get(Deployment, found.deployment_key) if found.deployment_key is not None else None
    if deployment is None or deployment.namespace_id is None:
        return
    for exposed in (deployment.connect or {}).get("services", []):
        details = {
            "portName": exposed["portName"],
            "clientAliases": ",".join(_alias(each) for each in exposed["clientAliases"]),
            "discoveryName": exposed.get("discoveryName") or exposed["portName"],
            "ingressPortOverride": exposed.get("ingressPortOverride"),
        }
        identity = f"{SERVICE_CONNECT} {exposed['portName']}"
        yield {**_attachment(found, identity, _connect_status(state), details), "type": SERVICE_CONNECT}


def _attachment(found: Task, kind: str, status: str, details: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"name": name, "value": str(value)} for name, value in details.items() if value is not None]
    return {"id": _id(found, kind), "type": kind, "status": status, "details": pairs}


def _interface_details(found: Task, state: TaskState) -> dict[str, Any]:
    """What EC2 knows of it, too, once it is there."""
    if not state.address:
        return {"subnetId": found.subnet or None}
    return {
        "subnetId": found.subnet or None,
        "networkInterfaceId": network_interface.interface_id(found),
        "macAddress": network_interface.mac_address(state.address),
        "privateIPv4Address": state.address,
    }


def _interface_status(state: TaskState) -> str:
    if state.status is Status.STOPPED:
        return "DELETED"
    return "ATTACHED" if state.address is not None else "PRECREATED"


def _connect_status(state: TaskState) -> str:
    if state.status in GONE:
        return "DELETED"
    return "ATTACHED" if state.status is Status.RUNNING else "ATTACHING"


def _alias(alias: dict[str, Any]) -> str:
    return f"{alias['dnsName']}:{alias['port']}" if "dnsName" in alias else str(alias["port"])


def _definition_arn(found: Task) -> str:
    account, region, family, revision = found.task_definition
    return arns.task_definition(account, region, family, int(revision))


def _id(found: Task, part: str) -> str:
    """An identifier that a part of a task keeps for its life: made from the task's own, so asking again gives it."""
    return str(uuid5(NAMESPACE_URL, f"{found.arn}#{part}"))
