"""The View of one proxy: everything of the World that its Envoy configuration is made from, and nothing else.

A View is a plain value. `moorage.mesh.view_of` builds it from a World; the xDS resources are made from it in one walk.
"""

from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.proxy_output import LOG_LEVEL, AccessLog


class Protocol(StrEnum):
    """`appProtocol` of the exposed port mapping; TCP when it is unset."""

    TCP = "tcp"
    HTTP = "http"
    HTTP2 = "http2"
    GRPC = "grpc"


@dataclass(frozen=True)
class Timeouts:
    """Seconds; 0 switches a timeout off. `per_request` is None for TCP.

    Defaults by protocol: docs/reference/service-connect.md section 2.5
    (15 s per request, 300 s idle; TCP 3,600 s idle).
    """

    idle: int
    per_request: int | None


@dataclass(frozen=True)
class Endpoint:
    """One healthy task behind an alias: the address and port its neighbours connect to, and its availability zone."""

    task_id: str
    address: str
    port: int
    zone: str = ""


class Endpoints(tuple[Endpoint, ...]):
    """Endpoints that many proxies share: a tuple in all respects, but hashed once, by which most are told apart."""

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("hash")
        if known is None:
            known = self.__dict__["hash"] = super().__hash__()
        return known

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Endpoints) and hash(self) != hash(other):
            return False
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other


@dataclass(frozen=True)
class Upstream:
    """One alias that this proxy knows: clients dial `vip`:`alias_port`; it is carried to one of `endpoints`."""

    namespace: str
    discovery_name: str
    alias: str
    alias_port: int
    vip: str
    protocol: Protocol
    timeouts: Timeouts
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True)
class Ingress:
    """One exposed port of this task: its listener takes what was redirected on to the container's port.

    `address` is that container's where it has a network of its own.
    """

    port_name: str
    listener_port: int
    container_port: int
    protocol: Protocol
    timeouts: Timeouts
    address: str = "127.0.0.1"


@dataclass(frozen=True)
class View:
    """What one proxy must know. `node_id` is the task id, `cluster` the ARN of its deployment (task set).

    `apart`: its containers have networks of their own, and what they send to aliases arrives from outside.
    `siblings`: the running tasks of its own service; their zones are weighed against those of an alias's tasks.
    """

    node_id: str
    cluster: str
    region: str
    zone: str
    egress_port: int
    upstreams: tuple[Upstream, ...]
    ingress: tuple[Ingress, ...]
    siblings: tuple[Endpoint, ...] = ()
    access_log: AccessLog | None = None
    log_level: str = LOG_LEVEL
    apart: bool = False
