"""Which attributes an instance of a Cloud Map service may have, and which instances DiscoverInstances picks.

Rules: the API reference of RegisterInstance and DiscoverInstances; what is not done here is refused by name.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from moorage.domain import errors
from moorage.domain.registry import Instance, RegistryService

IPV4 = "AWS_INSTANCE_IPV4"
IPV6 = "AWS_INSTANCE_IPV6"
PORT = "AWS_INSTANCE_PORT"
CNAME = "AWS_INSTANCE_CNAME"
INIT_HEALTH = "AWS_INIT_HEALTH_STATUS"

HEALTHY = "HEALTHY"
UNHEALTHY = "UNHEALTHY"
UNKNOWN = "UNKNOWN"
ALL = "ALL"
HEALTHY_OR_ELSE_ALL = "HEALTHY_OR_ELSE_ALL"

_UNSUPPORTED = {
    "AWS_ALIAS_DNS_NAME": "there are no Route 53 records that could be aliases",
    "AWS_EC2_INSTANCE_ID": "there are no EC2 instances whose addresses could be looked up",
}
_NEEDED_BY_RECORD = {"A": IPV4, "AAAA": IPV6, "CNAME": CNAME, "SRV": PORT}
_MAX_CUSTOM = 30
_MAX_CHARACTERS = 5000


def check_attributes(service: RegistryService, attributes: Mapping[str, str]) -> None:
    """InvalidParameter or Unsupported unless an instance of the service may be registered with these."""
    for name, why in _UNSUPPORTED.items():
        if name in attributes:
            raise errors.Unsupported(f"Attribute {name}", why)
    _check_addresses(attributes)
    for record in service.record_types:
        needed = _NEEDED_BY_RECORD[record]
        if needed not in attributes:
            raise errors.InvalidParameter(f"Attribute {needed} is required: the service has {record} records")
    if INIT_HEALTH in attributes and service.health_check_custom_config is None:
        raise errors.InvalidParameter(f"{INIT_HEALTH} needs a service with HealthCheckCustomConfig")
    if attributes.get(INIT_HEALTH, HEALTHY) not in (HEALTHY, UNHEALTHY):
        raise errors.InvalidParameter(f"{INIT_HEALTH} must be {HEALTHY} or {UNHEALTHY}")
    _check_size(attributes)


def _check_addresses(attributes: Mapping[str, str]) -> None:
    for name, version in ((IPV4, 4), (IPV6, 6)):
        if name in attributes and not _is_address(attributes[name], version):
            raise errors.InvalidParameter(f"Invalid value for {name}: {attributes[name]}")
    port = attributes.get(PORT)
    if port is not None and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise errors.InvalidParameter(f"Invalid value for {PORT}: {port}")


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _check_size(attributes: Mapping[str, str]) -> None:
    custom = [name for name in attributes if not name.startswith("AWS_")]
    if len(custom) > _MAX_CUSTOM:
        raise errors.InvalidParameter(f"An instance has at most {_MAX_CUSTOM} custom attributes")
    if sum(len(name) + len(value) for name, value in attributes.items()) > _MAX_CHARACTERS:
        raise errors.InvalidParameter(f"The attributes have more than {_MAX_CHARACTERS} characters together")


def initial_health(service: RegistryService, attributes: Mapping[str, str]) -> bool | None:
    """Whether a new instance counts as healthy; None where the service has no custom health check."""
    if service.health_check_custom_config is None:
        return None
    return attributes.get(INIT_HEALTH, HEALTHY) == HEALTHY


def health(instance: Instance) -> str:
    """Cloud Map's word for an instance's health."""
    if instance.healthy is None:
        return UNKNOWN
    return HEALTHY if instance.healthy else UNHEALTHY


def discovered(instances: Iterable[Instance], query: Mapping[str, Any]) -> list[Instance]:
    """The instances that a DiscoverInstances request picks, all of them; the caller cuts them to its maximum.

    QueryParameters must all match. OptionalParameters narrow the result if any instance matches them, else they do not
    count. Health counts only where the service has a health check.
    """
    matching = [instance for instance in instances if _has(instance, query.get("QueryParameters", {}))]
    optional = query.get("OptionalParameters", {})
    preferred = [instance for instance in matching if _has(instance, optional)]
    return _by_health(preferred or matching, query.get("HealthStatus", HEALTHY))


def _has(instance: Instance, wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= instance.attributes.items()


def _by_health(instances: list[Instance], status: str) -> list[Instance]:
    if status == ALL:
        return instances
    wanted = UNHEALTHY if status == UNHEALTHY else HEALTHY
    chosen = [instance for instance in instances if instance.healthy is None or health(instance) == wanted]
    return instances if status == HEALTHY_OR_ELSE_ALL and not chosen else chosen
