"""What Service Connect asks of a task definition and a configuration, in the order in which ECS complains.

Pure. Texts are those of docs/reference/service-connect.md section 3 where they are known. Names that others hold
are a matter of claims: see `api/ecs/connect`.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from moorage.domain import proxy_output, service_rules
from moorage.domain.connect import ConnectConfiguration, ExposedPort
from moorage.domain.errors import InvalidParameter, UnknownPortName
from moorage.domain.task_definition import BRIDGE, PortMapping, TaskDefinition

DISCOVERY_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")


def read(document: Mapping[str, Any], definition: TaskDefinition, launch_type: str) -> ConnectConfiguration:
    """The configuration, checked against the task definition. InvalidParameter and Service Connect's own errors."""
    configuration = ConnectConfiguration.read(document)
    if not configuration.enabled:
        return configuration
    _check_task(definition, launch_type)
    for port in configuration.exposed:
        _check_port(port, definition)
    _check_unique(configuration)
    proxy_output.check(document)
    return configuration


def _check_task(definition: TaskDefinition, launch_type: str) -> None:
    system = service_rules.operating_system(definition)
    if system != "LINUX":
        raise InvalidParameter(f"Service Connect does not support tasks on {system}.")
    if launch_type == "EXTERNAL":
        raise InvalidParameter("Service Connect does not support the EXTERNAL launch type.")
    mode = definition.network_mode
    if mode is None:
        raise InvalidParameter("Service Connect needs a task definition whose networkMode is set: awsvpc or bridge.")
    if mode in ("host", "none"):
        raise InvalidParameter(f"Service Connect does not support networkMode '{mode}': use awsvpc or bridge.")
    if mode == BRIDGE and any("hostname" in container.document for container in definition.containers):
        raise InvalidParameter("Service Connect does not support 'hostname' of containers in network mode bridge.")
    if launch_type == service_rules.EC2 and definition.memory == 0:
        raise InvalidParameter("Service Connect needs a task definition with 'memory' at the task level.")


def _check_port(port: ExposedPort, definition: TaskDefinition) -> None:
    found = definition.port_named(port.port_name)
    if found is None:
        raise _unknown_port(port.port_name, definition)
    _, mapping = found
    if not DISCOVERY_NAME.fullmatch(port.discovery_name):
        raise InvalidParameter(
            f"discoveryName({port.discovery_name}) is invalid: up to 64 lowercase letters, numbers, underscores and "
            "hyphens, of which a hyphen can't be the first."
        )
    if mapping.protocol != "tcp":
        raise InvalidParameter(f"portName({port.port_name}) must refer to a port mapping of protocol tcp.")
    if not 1 <= port.alias.port <= 65535:
        raise InvalidParameter(f"clientAliases port {port.alias.port} must be between 1 and 65535.")
    if port.per_request_timeout is not None and mapping.app_protocol is None:
        raise InvalidParameter(
            f"perRequestTimeoutSeconds is not allowed for portName({port.port_name}), whose appProtocol is TCP."
        )
    _check_override(port, mapping, definition)


def _unknown_port(port_name: str, definition: TaskDefinition) -> UnknownPortName:
    error = UnknownPortName(port_name)
    names = [m.name for container in definition.containers for m in container.port_mappings if m.name]
    of = f"{definition.family}:{definition.revision}"
    error.hint = f"Port mapping names of {of}: {', '.join(names)}." if names else f"No port mapping of {of} has a name."
    return error


def _check_override(port: ExposedPort, mapping: PortMapping, definition: TaskDefinition) -> None:
    override = port.ingress_port_override
    if override is None:
        return
    mappings = [each for container in definition.containers for each in container.port_mappings]
    if definition.mode == BRIDGE:
        used, whose = {each.host_port for each in mappings}, "is a host port of the task already"
    else:
        used = {each.container_port for each in mappings}
        whose = f"a container of the task uses already (its own is {mapping.container_port})"
    if override == 0 or override in used:
        raise InvalidParameter(
            f"ingressPortOverride {override} of portName({port.port_name}) must be a port from 1 to 65535, and not "
            f"one that {whose}."
        )


def _check_unique(configuration: ConnectConfiguration) -> None:
    for what, values in (
        ("portName", [port.port_name for port in configuration.exposed]),
        ("discoveryName", [port.discovery_name for port in configuration.exposed]),
        ("ingressPortOverride", [p.ingress_port_override for p in configuration.exposed if p.ingress_port_override]),
    ):
        again = [value for value, count in Counter(values).items() if count > 1]
        if again:
            raise InvalidParameter(f"{what}({again[0]}) is used more than once in serviceConnectConfiguration.")
