"""TaskDefinition: a registered document, and the parts of it that decisions are made from.

The document is kept as it was registered and is what a caller gets back; ContainerDefinition and PortMapping are read
from it, so there is one truth. Its own rules (unique names, memory, dependsOn) are checked in `task_definition_rules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from moorage.domain import arns, firelens
from moorage.domain.changes import Key, Link

ACTIVE = "ACTIVE"
INACTIVE = "INACTIVE"
DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"

RESTART_PERIOD = 300
"""Seconds that a container must have run for, where its policy says nothing (API reference, ContainerRestartPolicy)."""

MIB = 1
GIB = 1024


AWSVPC = "awsvpc"
BRIDGE = "bridge"
HOST = "host"
NONE = "none"


@dataclass(frozen=True)
class PortMapping:
    """`protocol` is tcp or udp; `app_protocol` http, http2, grpc or None (TCP).

    Of a containerPortRange, `container_port` is the first and `size` how many ports it has.
    """

    container_port: int
    host_port: int
    protocol: str
    name: str | None
    app_protocol: str | None
    size: int = 1
    ranged: bool = False

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "PortMapping":
        first, last = port_range(document.get("containerPortRange") or str(document.get("containerPort", 0)))
        return cls(
            container_port=first,
            size=last - first + 1,
            ranged="containerPortRange" in document,
            host_port=document.get("hostPort", 0),
            protocol=document.get("protocol", "tcp"),
            name=document.get("name"),
            app_protocol=document.get("appProtocol"),
        )


@dataclass(frozen=True)
class Dependency:
    """`condition` is START, COMPLETE, SUCCESS or HEALTHY."""

    container: str
    condition: str


@dataclass(frozen=True)
class RestartPolicy:
    """A container that ran for `period` seconds and ends is started again, but for the exit codes `ignored`."""

    ignored: frozenset[int]
    period: int

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "RestartPolicy | None":
        if not document.get("enabled"):
            return None
        return cls(
            frozenset(document.get("ignoredExitCodes", ())), document.get("restartAttemptPeriod", RESTART_PERIOD)
        )


@dataclass(frozen=True)
class ContainerDefinition:
    """A container as decisions see it. `memory` in MiB is the hard limit, 0 without one; times in seconds."""

    name: str
    image: str
    essential: bool
    port_mappings: tuple[PortMapping, ...]
    depends_on: tuple[Dependency, ...]
    health_check: Mapping[str, Any] | None
    start_timeout: int | None
    stop_timeout: int | None
    restart: RestartPolicy | None
    document: Mapping[str, Any]

    @classmethod
    def read(
        cls, document: Mapping[str, Any], depends_on: Sequence[Mapping[str, Any]] | None = None
    ) -> "ContainerDefinition":
        """`depends_on`: what it depends on, where that is more than it says itself."""
        needs = document.get("dependsOn", ()) if depends_on is None else depends_on
        return cls(
            name=document["name"],
            image=document.get("image", ""),
            essential=document.get("essential", True),
            port_mappings=tuple(PortMapping.read(mapping) for mapping in document.get("portMappings", ())),
            depends_on=tuple(Dependency(item["containerName"], item["condition"]) for item in needs),
            health_check=document.get("healthCheck"),
            start_timeout=document.get("startTimeout"),
            stop_timeout=document.get("stopTimeout"),
            restart=RestartPolicy.read(document.get("restartPolicy", {})),
            document=document,
        )


@dataclass(frozen=True)
class TaskDefinition:
    """One revision of a family. `document` holds the registered members with ECS's defaults filled in."""

    table: ClassVar[str] = "task_definition"

    account: str
    region: str
    family: str
    revision: int
    status: str
    registered_at: datetime
    registered_by: str
    document: dict[str, Any]
    deregistered_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.family, f"{self.revision:010d}")

    @property
    def arn(self) -> str:
        return arns.task_definition(self.account, self.region, self.family, self.revision)

    def links(self) -> tuple[Link, ...]:
        return (
            ("family", (self.account, self.region, self.family)),
            ("family-status", (self.account, self.region, self.family, self.status)),
            ("status", (self.account, self.region, self.status)),
        )

    @cached_property
    def containers(self) -> tuple[ContainerDefinition, ...]:
        documents = self.document["containerDefinitions"]
        return tuple(ContainerDefinition.read(each, firelens.implied(each, documents)) for each in documents)

    @property
    def network_mode(self) -> str | None:
        mode: str | None = self.document.get("networkMode")
        return mode

    @property
    def mode(self) -> str:
        """The network mode that its tasks have: on Linux bridge, where none is named."""
        return self.network_mode or BRIDGE

    @property
    def placement_constraints(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.document.get("placementConstraints", ()))

    @property
    def cpu(self) -> int:
        """Task-level CPU units, 0 when unset."""
        return cpu_units(self.document.get("cpu", "0"))

    @property
    def memory(self) -> int:
        """Task-level memory in MiB, 0 when unset."""
        return memory_mib(self.document.get("memory", "0"))

    def port_named(self, name: str) -> tuple[ContainerDefinition, PortMapping] | None:
        """The port mapping called `name` and its container."""
        for container in self.containers:
            for mapping in container.port_mappings:
                if mapping.name == name:
                    return container, mapping
        return None


@dataclass(frozen=True)
class Family:
    """The last revision number that a family gave out; numbers are never used twice."""

    table: ClassVar[str] = "family"

    account: str
    region: str
    name: str
    last_revision: int

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    def links(self) -> tuple[Link, ...]:
        return ()


def port_range(text: str) -> tuple[int, int]:
    """First and last port of "80" or "8000-8010". ValueError for anything else."""
    first, dash, last = text.partition("-")
    return int(first), int(last if dash else first)


def cpu_units(text: str) -> int:
    """CPU units of a task-level `cpu`: "512", "1 vCPU", ".5 vcpu". ValueError for anything else."""
    words = text.strip().lower()
    if words.endswith("vcpu"):
        return int(float(words.removesuffix("vcpu").strip()) * 1024)
    return int(words)


def memory_mib(text: str) -> int:
    """MiB of a task-level `memory`: "1024", "2GB", "0.5 GB". ValueError for anything else."""
    words = text.strip().lower()
    if words.endswith("gb"):
        return int(float(words.removesuffix("gb").strip()) * GIB)
    return int(words)


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Family and revision (None: the latest ACTIVE one) of `family`, `family:revision` or an ARN."""
    parsed = arns.parse(reference)
    name = parsed.resource.removeprefix("task-definition/") if parsed else reference
    family, _, revision = name.partition(":")
    return (family, int(revision)) if revision.isdigit() else (name if revision else family, None)
