"""From a task and its task definition to what a runtime is asked for: the network, the containers, and the proxy.

Decides names, ports and redirects; reference sections 2.2 to 2.4. The proxy's own configuration is made in `mesh`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from moorage.domain import capabilities
from moorage.domain.connect import IDLE_TIMEOUT, PER_REQUEST_TIMEOUT, ConnectConfiguration, ExposedPort
from moorage.domain.service import Deployment
from moorage.domain.task import PortBinding, Task
from moorage.domain.task_definition import (
    AWSVPC,
    BRIDGE,
    NONE,
    ContainerDefinition,
    TaskDefinition,
    cpu_units,
    memory_mib,
)
from moorage.planning import container_settings
from moorage.planning.actions import (
    PROXY_IMAGE,
    Apart,
    ContainerSpec,
    File,
    HealthCheck,
    HostsEntry,
    IngressRedirect,
    Limits,
    Mount,
    TaskSpec,
)
from moorage.planning.inside import Surroundings

FIRST_LISTENER_PORT = 42000
"""Where the proxy's ports are looked for, upwards; a port that the task itself names is passed over."""

_NAMED = "ecs-service-connect-"

PROXY_USER = "20000"
PROXY_DIRECTORY = "/run/moorage"
"""Where the proxy's own socket directory appears inside its container."""
PROXY_BOOTSTRAP = "/etc/envoy/bootstrap.json"


@dataclass(frozen=True)
class Exposed:
    """One port that a deployment exposes. `port` is where neighbours connect: the container port or the override.

    In bridge mode that is a port of the container instance, 0 where each task gets its own.
    Timeouts are in seconds with the protocol's defaults filled in; 0 is off; `per_request_timeout` is None for TCP.
    """

    port_name: str
    discovery_name: str
    container_port: int
    port: int
    overridden: bool
    protocol: str
    idle_timeout: int
    per_request_timeout: int | None
    container: str


@dataclass(frozen=True)
class Listener:
    """An exposed port and the port that the proxy listens on for it."""

    exposed: Exposed
    port: int


@dataclass(frozen=True)
class Proxy:
    """The proxy container of one task: its name and ports. `apart`: in a network of its own (bridge mode)."""

    container: str
    egress_port: int
    ingress: tuple[Listener, ...]
    apart: bool = False


def expose(port: ExposedPort, definition: TaskDefinition) -> Exposed:
    """Where an exposed port leads in this task definition; the port name must be in it (checked by the API)."""
    found = definition.port_named(port.port_name)
    if found is None:
        raise LookupError(f"{definition.family}:{definition.revision} has no port mapping named {port.port_name}")
    container, mapping = found
    nearest = mapping.container_port if definition.mode == AWSVPC else 0
    protocol = mapping.app_protocol or "tcp"
    per_request = None
    if protocol != "tcp":
        per_request = PER_REQUEST_TIMEOUT if port.per_request_timeout is None else port.per_request_timeout
    return Exposed(
        port_name=port.port_name,
        discovery_name=port.discovery_name,
        container_port=mapping.container_port,
        port=port.ingress_port_override or nearest,
        overridden=port.ingress_port_override is not None,
        protocol=protocol,
        idle_timeout=IDLE_TIMEOUT[protocol] if port.idle_timeout is None else port.idle_timeout,
        per_request_timeout=per_request,
        container=container.name,
    )


def exposed_ports(deployment: Deployment, definition: TaskDefinition) -> tuple[Exposed, ...]:
    """The ports that the tasks of a deployment expose through Service Connect."""
    configuration = ConnectConfiguration.read(deployment.connect)
    return tuple(expose(port, definition) for port in configuration.exposed)


def proxy_of(task: Task, deployment: Deployment | None, definition: TaskDefinition) -> Proxy | None:
    """The task's proxy, or None when it has no Service Connect.

    The suffix of its name is made from the task's id, so that asking again names the same container.
    """
    if deployment is None or deployment.namespace_id is None:
        return None
    exposed = exposed_ports(deployment, definition)
    free = _free_ports(definition, exposed)
    apart = definition.mode != AWSVPC
    return Proxy(
        container=f"{_NAMED}{_letters(task.id)}",
        egress_port=next(free),
        ingress=tuple(Listener(port, port.port if port.overridden and not apart else next(free)) for port in exposed),
        apart=apart,
    )


def is_proxy(container: str) -> bool:
    """True for a name that proxies have."""
    return container.startswith(_NAMED)


def task_spec(task: Task, definition: TaskDefinition, deployment: Deployment | None) -> TaskSpec:
    """The task's network: alias names in its hosts file, egress to the proxy, exposed ports through the proxy."""
    proxy = proxy_of(task, deployment, definition)
    return TaskSpec(
        task_id=task.id,
        hostname=task.id[:12],
        hosts=hosts(deployment) if deployment is not None and proxy is not None else (),
        egress_port=proxy.egress_port if proxy else None,
        ingress=tuple(
            IngressRedirect(listener.exposed.container_port, listener.port)
            for listener in (proxy.ingress if proxy and not proxy.apart else ())
            if not listener.exposed.overridden
        ),
        limits=size(task, definition),
        shares=container_settings.shares(definition.document),
        apart=tuple(_apart(definition, proxy)),
        joined=definition.mode != NONE,
        published=tuple(_published(definition, proxy)),
    )


def _apart(definition: TaskDefinition, proxy: Proxy | None) -> Iterator[Apart]:
    """The containers with networks of their own; none where they share the task's."""
    if definition.mode == AWSVPC:
        return
    for container in definition.containers:
        named = (range(each.container_port, each.container_port + each.size) for each in container.port_mappings)
        yield Apart(container.name, tuple(port for row in named for port in row))
    if proxy is not None:
        yield Apart(proxy.container, is_proxy=True)


def _published(definition: TaskDefinition, proxy: Proxy | None) -> Iterator[PortBinding]:
    """What is reached at the container instance: in bridge mode the containers' ports, and the proxy's listeners.

    A container's own host port leads past the proxy, as on ECS; its neighbours know the proxy's.
    """
    if definition.mode != BRIDGE:
        return
    for container in definition.containers:
        for each in container.port_mappings:
            first = each.container_port
            yield PortBinding(container.name, first, each.host_port, each.protocol, each.size, each.ranged)
    if proxy is not None:
        yield from (PortBinding(proxy.container, each.port, each.exposed.port) for each in proxy.ingress)


def hosts(deployment: Deployment) -> tuple[HostsEntry, ...]:
    """The alias names that the tasks of a deployment know, as lines of their hosts files."""
    names = {known.endpoint.alias: known.vip for known in deployment.known}
    return tuple(HostsEntry(vip, alias) for alias, vip in sorted(names.items()))


def size(task: Task, definition: TaskDefinition) -> Limits:
    """The task's processors and memory, by its overrides or its definition; and what its containers may swap."""
    cpu, memory = task.overrides.get("cpu"), task.overrides.get("memory")
    return Limits(
        cpu=definition.cpu if cpu is None else cpu_units(cpu),
        memory=definition.memory if memory is None else memory_mib(memory),
        swap=sum(each.document.get("linuxParameters", {}).get("maxSwap", 0) for each in definition.containers),
    )


def container_spec(
    task: Task, definition: TaskDefinition, container: ContainerDefinition, around: Surroundings
) -> ContainerSpec:
    """One container as its definition and the task's overrides have it, with the environment that is put around."""
    override = _override(task.overrides, container.name)
    document = container.document
    command = override.get("command", document.get("command"))
    linux = document.get("linuxParameters", {})
    return ContainerSpec(
        task_id=task.id,
        name=container.name,
        image=container.image,
        entry_point=_words(document.get("entryPoint")),
        command=_words(command),
        environment=tuple(_environment(document, override, around).items()),
        user=document.get("user"),
        working_directory=document.get("workingDirectory"),
        read_only_root=document.get("readonlyRootFilesystem", False),
        health_check=_health_check(container.health_check),
        limits=Limits(
            cpu=override.get("cpu", document.get("cpu", 0)),
            memory=override.get("memory", document.get("memory", 0)),
            reservation=override.get("memoryReservation", document.get("memoryReservation", 0)),
            swap=linux.get("maxSwap", 0),
            swappiness=linux.get("swappiness") if "maxSwap" in linux else None,
        ),
        settings=container_settings.read(document, definition.document),
        capabilities=capabilities.granted(linux.get("capabilities")),
    )


def proxy_spec(task: Task, proxy: Proxy, arguments: tuple[str, ...], bootstrap: str, sockets: str) -> ContainerSpec:
    """The proxy container: Envoy with its bootstrap document, and the directory of its two sockets to itself."""
    return ContainerSpec(
        task_id=task.id,
        name=proxy.container,
        image=PROXY_IMAGE,
        command=arguments,
        user=PROXY_USER,
        files=(File(PROXY_BOOTSTRAP, bootstrap),),
        mounts=(Mount(sockets, PROXY_DIRECTORY),),
    )


def _free_ports(definition: TaskDefinition, exposed: tuple[Exposed, ...]) -> Iterator[int]:
    taken = {mapping.container_port for container in definition.containers for mapping in container.port_mappings}
    taken |= {port.port for port in exposed}
    return (port for port in range(FIRST_LISTENER_PORT, 65536) if port not in taken)


def _letters(task_id: str) -> str:
    digest = sha256(task_id.encode()).digest()
    return "".join("abcdefghijklmnopqrstuvwxyz0123456789"[byte % 36] for byte in digest[:5])


def _words(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def _override(overrides: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for override in overrides.get("containerOverrides", ()):
        if override.get("name") == name:
            found: Mapping[str, Any] = override
            return found
    return {}


def _environment(document: Mapping[str, Any], override: Mapping[str, Any], around: Surroundings) -> dict[str, str]:
    pairs = [*document.get("environment", ()), *override.get("environment", ())]
    own = {pair["name"]: pair.get("value", "") for pair in pairs}
    return {**around.defaults, **own, **around.fixed}


def _health_check(document: Mapping[str, Any] | None) -> HealthCheck | None:
    if document is None or document["command"] == ["NONE"]:
        return None
    return HealthCheck(
        command=tuple(document["command"]),
        interval=document.get("interval", 30),
        timeout=document.get("timeout", 5),
        retries=document.get("retries", 3),
        start_period=document.get("startPeriod", 0),
    )
