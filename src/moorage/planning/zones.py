"""Which names of private DNS namespaces tasks may ask for, and with which records they are answered.

As Cloud Map has Route 53 do it: records come and go with instances, unhealthy ones are left out while there are healthy
ones. Source: Cloud Map API reference, DnsConfig and DnsRecord; developer guide, "Service DNS configuration".
"""

import re
from collections.abc import Iterator
from typing import Final

from moorage.domain.instance_rules import CNAME, IPV4, IPV6, PORT
from moorage.domain.registry import DNS_PRIVATE, Instance, Namespace, RegistryService
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.domain.zones import Place, RecordSet, Zone, Zones

MULTIVALUE_LIMIT: Final = 8
"""How many instances an answer tells of by the routing policy MULTIVALUE; by WEIGHTED it is one."""

DEFAULT_TTL: Final = 15
"""Seconds, where a namespace names no SOA TTL."""

_VALUE_OF: Final = {"A": IPV4, "AAAA": IPV6}
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63


def plan(world: World) -> Zones:
    """All zones; nothing at all where there is no private DNS namespace."""
    namespaces = world.linked(Namespace, "type", (DNS_PRIVATE,))
    if not namespaces:
        return Zones()
    zones = tuple(_zone(world, each) for each in sorted(namespaces, key=lambda each: each.key))
    return Zones(zones, dict(_askers(world)))


def _zone(world: World, namespace: Namespace) -> Zone:
    soa = namespace.properties.get("DnsProperties", {}).get("SOA", {})
    services = sorted(world.linked(RegistryService, "namespace", namespace.key), key=lambda each: each.key)
    return Zone(
        name=namespace.name.lower().rstrip("."),
        place=(namespace.account, namespace.region, namespace.vpc),
        ttl=soa.get("TTL", DEFAULT_TTL),
        sets=tuple(found for service in services for found in _sets(world, namespace, service)),
    )


def _sets(world: World, namespace: Namespace, service: RegistryService) -> Iterator[RecordSet]:
    name = f"{service.name}.{namespace.name}".lower().rstrip(".")
    if service.dns_config is None or not _is_name(name):
        return
    limit = 1 if service.dns_config.get("RoutingPolicy") == "WEIGHTED" else MULTIVALUE_LIMIT
    instances = sorted(world.linked(Instance, "service", service.key), key=lambda each: each.id)
    for record in service.dns_config.get("DnsRecords", ()):
        kind, ttl = record["Type"], record["TTL"]
        able = [each for each in instances if _value(each, kind, name)]
        chosen = [each for each in able if each.healthy is not False] or able
        if chosen:
            yield RecordSet(name, kind, ttl, limit, tuple(_value(each, kind, name) for each in chosen))
        if kind == "SRV":
            yield from _hosts(able, name, ttl)


def _value(instance: Instance, kind: str, name: str) -> str:
    """The record of an instance; empty where it has nothing to tell in one of this type."""
    if kind == "CNAME":
        target = instance.attributes.get(CNAME, "").rstrip(".")
        return f"{target}." if _HOST.fullmatch(target) and _is_name(target) else ""
    if kind != "SRV":
        return instance.attributes.get(_VALUE_OF[kind], "")
    port = instance.attributes.get(PORT)
    return f"1 1 {port} {_host(instance, name)}." if port and _is_name(_host(instance, name)) else ""


def _hosts(instances: list[Instance], name: str, ttl: int) -> Iterator[RecordSet]:
    """The addresses of the hosts that SRV records name."""
    for instance in instances:
        for kind in ("A", "AAAA"):
            if value := instance.attributes.get(_VALUE_OF[kind]):
                yield RecordSet(_host(instance, name), kind, ttl, 1, (value,))


def _host(instance: Instance, name: str) -> str:
    return f"{instance.id}.{name}".lower()


def _is_name(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and all(0 < len(label) <= _LONGEST_LABEL for label in name.split("."))


def _askers(world: World) -> Iterator[tuple[str, Place]]:
    for state in world.all(TaskState):
        task = world.get(Task, state.key)
        if task is None or state.status is Status.STOPPED:
            continue
        for _, (address,) in state.links():
            yield address, (task.account, task.region, task.vpc)
