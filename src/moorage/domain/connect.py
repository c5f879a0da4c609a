"""Service Connect's nouns: what a service asks for, the endpoints of a namespace, and the names a deployment knows.

ConnectConfiguration reads `serviceConnectConfiguration`. A ConnectEndpoint is one alias that a service exposes now.
KnownName is a ConnectEndpoint as a deployment saw it when it was created: the freeze rule (reference section 1.4).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from moorage.domain import arns
from moorage.domain.changes import Key, Link
from moorage.domain.errors import InvalidDnsName, NoClientAlias, TooManyClientAliases

DNS_NAME = re.compile(r"(?=.{1,127}$)[a-z0-9_][a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,63})*")

IDLE_TIMEOUT = {"tcp": 3600, "http": 300, "http2": 300, "grpc": 300}
"""Seconds a connection may be idle, by protocol (reference section 2.5)."""
PER_REQUEST_TIMEOUT = 15
"""Seconds for one request over http, http2 and grpc; TCP has none."""


@dataclass(frozen=True)
class ClientAlias:
    """`dns_name` None stands for `<discovery name>.<namespace name>`."""

    port: int
    dns_name: str | None


@dataclass(frozen=True)
class ExposedPort:
    """An element of `services[]`. Timeouts are None where the protocol's default applies, 0 where switched off."""

    port_name: str
    discovery_name: str
    alias: ClientAlias
    ingress_port_override: int | None
    idle_timeout: int | None
    per_request_timeout: int | None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "ExposedPort":
        """Raise NoClientAlias, TooManyClientAliases or InvalidDnsName."""
        aliases = document.get("clientAliases", [])
        if not aliases:
            raise NoClientAlias
        if len(aliases) > 1:
            raise TooManyClientAliases(len(aliases))
        dns_name = aliases[0].get("dnsName")
        if dns_name is not None and not DNS_NAME.fullmatch(dns_name):
            raise InvalidDnsName(dns_name)
        timeout = document.get("timeout", {})
        return cls(
            port_name=document["portName"],
            discovery_name=document.get("discoveryName") or document["portName"],
            alias=ClientAlias(aliases[0]["port"], dns_name),
            ingress_port_override=document.get("ingressPortOverride"),
            idle_timeout=timeout.get("idleTimeoutSeconds"),
            per_request_timeout=timeout.get("perRequestTimeoutSeconds"),
        )


@dataclass(frozen=True)
class ConnectConfiguration:
    """`serviceConnectConfiguration`, read. `namespace` is a name or an ARN as given, or None."""

    enabled: bool
    namespace: str | None
    exposed: tuple[ExposedPort, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> "ConnectConfiguration":
        if document is None or not document["enabled"]:
            return cls(False, None, ())
        exposed = tuple(ExposedPort.read(service) for service in document.get("services", ()))
        return cls(True, document.get("namespace") or None, exposed)


@dataclass(frozen=True)
class ConnectEndpoint:
    """One alias that an ECS service exposes in a namespace, and how it is to be carried.

    `protocol` is tcp, http, http2 or grpc; timeouts are in seconds with the defaults filled in, 0 is off.
    `port` is where the tasks of the service are reached: the container port, or the ingress port override.
    """

    table: ClassVar[str] = "connect_endpoint"

    account: str
    region: str
    namespace_id: str
    discovery_name: str
    registry_service_id: str
    alias: str
    alias_port: int
    port_name: str
    container_port: int
    port: int
    protocol: str
    idle_timeout: int
    per_request_timeout: int | None
    service_key: Key

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.namespace_id, self.discovery_name)

    def links(self) -> tuple[Link, ...]:
        return (
            ("namespace", (self.account, self.region, self.namespace_id)),
            ("service", self.service_key),
            ("registry", (self.account, self.region, self.registry_service_id)),
            ("alias", alias_key(self.account, self.region, self.namespace_id, self.alias, self.alias_port)),
        )

    @property
    def service_arn(self) -> str:
        return arns.service(self.account, self.region, *self.service_key[2:])


@dataclass(frozen=True)
class KnownName:
    """An endpoint that a deployment knows for ever, with the loopback address that its clients dial."""

    vip: str
    endpoint: ConnectEndpoint


def alias_key(account: str, region: str, namespace_id: str, alias: str, port: int) -> Key:
    """The look-up key of an endpoint by the pair that clients dial."""
    return (account, region, namespace_id, f"{alias}:{port}")


def freeze(endpoints: Iterable[ConnectEndpoint]) -> tuple[KnownName, ...]:
    """Give every alias name a loopback address, in the order of the names (reference section 2.1).

    One name with several ports has one address: 127.255.0.1 is the first, and the third and fourth octet count on.
    """
    ordered = sorted(endpoints, key=lambda endpoint: (endpoint.alias, endpoint.alias_port))
    names = {name: number for number, name in enumerate(sorted({e.alias for e in ordered}), start=1)}
    return tuple(KnownName(vip(names[endpoint.alias]), endpoint) for endpoint in ordered)


def number_of(address: str) -> int:
    """The number of the alias name that has this loopback address."""
    third, fourth = address.split(".")[2:]
    return int(third) << 8 | int(fourth)


def vip(number: int) -> str:
    """The loopback address of the alias name with this number, counted from 1."""
    if not 1 <= number < 2**16 - 1:
        raise ValueError(f"there are 65,534 addresses for alias names, not {number}")
    return f"127.255.{number >> 8}.{number & 255}"
