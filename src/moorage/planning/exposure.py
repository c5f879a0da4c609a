"""What a service exposes in its namespace, as records: an endpoint for each exposed port, a claim on its alias."""

from moorage.domain.changes import Key
from moorage.domain.claim import ALIAS, Claim
from moorage.domain.connect import ConnectEndpoint, ExposedPort
from moorage.domain.registry import Namespace
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import sidecar


def endpoint(
    service: Key, namespace: Namespace, registry_id: str, port: ExposedPort, definition: TaskDefinition
) -> ConnectEndpoint:
    """The endpoint of one exposed port; LookupError if the task definition has no port of that name."""
    exposed = sidecar.expose(port, definition)
    return ConnectEndpoint(
        account=namespace.account,
        region=namespace.region,
        namespace_id=namespace.id,
        discovery_name=port.discovery_name,
        registry_service_id=registry_id,
        alias=alias(port, namespace),
        alias_port=port.alias.port,
        port_name=port.port_name,
        container_port=exposed.container_port,
        port=exposed.port,
        protocol=exposed.protocol,
        idle_timeout=exposed.idle_timeout,
        per_request_timeout=exposed.per_request_timeout,
        service_key=service,
    )


def alias(port: ExposedPort, namespace: Namespace) -> str:
    """The name that clients dial: the one given, else `<discovery name>.<namespace name>` (reference section 1.1)."""
    return port.alias.dns_name or f"{port.discovery_name}.{namespace.name}"


def alias_claim(of: ConnectEndpoint) -> Claim:
    """The claim that makes an endpoint's alias and port its own in the namespace."""
    name = (of.namespace_id, f"{of.alias}:{of.alias_port}")
    return Claim(of.account, of.region, ALIAS, name, of.service_arn, of.discovery_name)
