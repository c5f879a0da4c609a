"""ServiceRegistry: the Cloud Map service that ECS registers a service's tasks in, and what must be true of it.

ECS service discovery, beside Service Connect. Pure; texts: docs/reference/service-connect.md section 4.4. Rules: Amazon
ECS API reference, ServiceRegistry; developer guide, "Use service discovery to connect Amazon ECS services with DNS
names".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moorage.domain.errors import InvalidParameter, Unsupported
from moorage.domain.registry import RegistryService
from moorage.domain.task_definition import TaskDefinition

MAX_TASKS: Final = 1000
"""How many tasks a service with service discovery may have (developer guide, "Service discovery considerations")."""

_ARN = re.compile(r"arn:aws[a-z-]*:servicediscovery:[a-z0-9-]+:\d{12}:service/srv-[a-z0-9]{1,64}")


@dataclass(frozen=True)
class ServiceRegistry:
    """A member of `serviceRegistries` as a caller gave it; None stands for what was left out."""

    arn: str
    port: int | None = None
    container_name: str | None = None
    container_port: int | None = None

    @property
    def service_id(self) -> str:
        """The id of the Cloud Map service."""
        return self.arn.rpartition("/")[2]

    def document(self) -> dict[str, Any]:
        """The member as a caller gets it back."""
        members = {
            "registryArn": self.arn,
            "port": self.port,
            "containerName": self.container_name,
            "containerPort": self.container_port,
        }
        return {name: value for name, value in members.items() if value is not None}


def read(documents: Sequence[Mapping[str, Any]]) -> tuple[ServiceRegistry, ...]:
    """The registries that a request names: one at most. InvalidParameter."""
    if len(documents) > 1:
        raise InvalidParameter("A service can be associated with one service registry. Remove the others and retry.")
    return tuple(_read(each) for each in documents)


def _read(document: Mapping[str, Any]) -> ServiceRegistry:
    arn = document.get("registryArn", "")
    if not _ARN.fullmatch(arn):
        raise InvalidParameter(f"The format of the supplied service registry ARN is invalid: {arn}.")
    registry = ServiceRegistry(arn, document.get("port"), document.get("containerName"), document.get("containerPort"))
    if registry.port is not None and (registry.container_name is not None or registry.container_port is not None):
        raise InvalidParameter(
            "Specify a value for either 'port' or the 'containerName' and 'containerPort' combination, but not both. "
            "Remove one and retry."
        )
    if (registry.container_name is None) != (registry.container_port is None):
        raise InvalidParameter("Specify both 'containerName' and 'containerPort' for serviceRegistries, or neither.")
    if registry.port is not None and not 1 <= registry.port <= 65535:
        raise InvalidParameter("The value of 'port' for serviceRegistries must be between 1 and 65535.")
    return registry


def check(registry: ServiceRegistry, found: RegistryService | None, definition: TaskDefinition) -> None:
    """Raise InvalidParameter or Unsupported unless tasks of the definition can be registered so.

    `found` is the Cloud Map service that the registry names, if there is one.
    """
    if found is None:
        raise InvalidParameter(f"The service registry was not found. Registry: {registry.arn}")
    if found.managed_by:
        raise InvalidParameter(
            f"The service registry is managed by Service Connect for {found.managed_by}: name a Cloud Map service of "
            f"your own. Registry: {registry.arn}"
        )
    records = found.record_types
    if definition.mode == "none":
        raise InvalidParameter("Service discovery needs a networkMode of 'awsvpc', 'bridge' or 'host', not 'none'.")
    if definition.mode == "awsvpc":
        _check_own_address(registry, found, records)
    else:
        _check_host_ports(registry, records)
    _check_port(registry, definition)


def _check_own_address(registry: ServiceRegistry, found: RegistryService, records: Sequence[str]) -> None:
    """awsvpc: A records, SRV records or both; a port where, and only where, SRV records or API calls tell it."""
    for record in records:
        if record == "AAAA":
            raise Unsupported("A service registry with AAAA records", "tasks have no IPv6 addresses here.")
        if record not in ("A", "SRV"):
            raise InvalidParameter(f"Tasks cannot be registered with {record} records. Registry: {registry.arn}")
    has_port = registry.port is not None or registry.container_port is not None
    if "SRV" in records and not has_port:
        raise InvalidParameter(
            "When specifying 'awsvpc' for networkMode and a type SRV DNS record, a value for either 'port' or the "
            f"'containerName' and 'containerPort' combination must be specified. Registry: {registry.arn}"
        )
    if found.dns_config is not None and "SRV" not in records and has_port:
        name = "port" if registry.port is not None else "containerPort"
        raise InvalidParameter(
            f"The values specified for serviceRegistries do not require a value for '{name}'. Remove the value and "
            f"retry. Registry: {registry.arn}"
        )


def _check_host_ports(registry: ServiceRegistry, records: Sequence[str]) -> None:
    """bridge: the container's port of the container instance, which only SRV records and API calls tell."""
    if registry.container_name is None:
        raise InvalidParameter(
            "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' must "
            f"be specified from the task definition. Registry: {registry.arn}"
        )
    if any(record != "SRV" for record in records):
        raise InvalidParameter(
            "When specifying 'host' or 'bridge' for networkMode, the service registry supports type SRV DNS records "
            f"only. Registry: {registry.arn}"
        )


def _check_port(registry: ServiceRegistry, definition: TaskDefinition) -> None:
    if registry.container_name is None:
        return
    container = next((each for each in definition.containers if each.name == registry.container_name), None)
    if container is None:
        raise InvalidParameter(f"The container {registry.container_name} does not exist in the task definition.")
    if registry.container_port not in {mapping.container_port for mapping in container.port_mappings}:
        raise InvalidParameter(
            f"The container {registry.container_name} did not have a container port {registry.container_port} defined."
        )


def check_count(count: int, registries: Sequence[ServiceRegistry]) -> None:
    """InvalidParameter if a service with service discovery wants more tasks than it may have."""
    if registries and count > MAX_TASKS:
        raise InvalidParameter(f"A service that uses service discovery can have at most {MAX_TASKS} tasks.")
