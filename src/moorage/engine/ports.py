"""The seven doors of the engine to the world outside: Store, Runtime, Proxies, Operations, NameServer, Clock, Ids.

Each is a Protocol with few methods, declared here by its user and implemented by rooms above. Adapters translate
foreign exceptions into the ones named here, at their own edge.
"""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from moorage.domain.changes import Expect, RecordId, Write
from moorage.domain.world import World
from moorage.domain.zones import Zones
from moorage.planning.actions import ContainerSpec, HostsEntry, TaskObservation, TaskSpec


class RuntimeFailed(Exception):
    """The runtime could not do what it was asked; `reason` is a sentence for the user, in ECS's words if it has any."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CannotPull(RuntimeFailed):
    """The image is unknown here. ECS's code for it is CannotPullContainerError."""


class CannotStart(RuntimeFailed):
    """The container was refused or its program could not be started. ECS: CannotStartContainerError."""


class Unavailable(RuntimeFailed):
    """The runtime does not answer now; the caller tries again later."""


class NotRunning(RuntimeFailed):
    """There is no such task, or nothing of it runs or listens there."""


class NameUnknown(NotRunning):
    """The name does not resolve inside the task."""


class NoAnswer(NotRunning):
    """Nobody said yes or no to the connection in time."""


@dataclass(frozen=True)
class LogLine:
    """A line a container wrote: when (UTC), which stream ("stdout" or "stderr"), and its text without the newline."""

    at: datetime
    stream: str
    text: str


class Runtime(Protocol):
    """Runs tasks. Every method may be called again with the same arguments and then changes nothing."""

    async def prepare(self, spec: TaskSpec) -> str:
        """Make the task's network namespace, hosts file and redirects; return its IPv4. Unavailable, CannotStart."""

    async def name(self, task_id: str, hosts: Sequence[HostsEntry]) -> None:
        """Make these the alias names of a prepared task, also in containers that run. NotRunning."""

    async def start(self, spec: ContainerSpec) -> None:
        """Start a container once: one that ever started is not started again, unless it ended and this is a later
        `attempt`. CannotPull, CannotStart, Unavailable.
        """

    async def signal(self, task_id: str, container: str, signal: int) -> None:
        """Send a signal to a container's main process; SIGKILL ends all its processes. Nothing if it does not run."""

    async def remove(self, task_id: str) -> None:
        """End what is left of the task, then take away its network and folders. What it wrote stays readable."""

    async def observe(self, task_id: str) -> TaskObservation | None:
        """What there is of the task now; None when the runtime knows nothing of it."""

    async def listening(self, task_id: str) -> frozenset[int]:
        """The TCP ports that programs of the task listen on now; none when the task is unknown."""

    async def tasks(self) -> Mapping[str, int]:
        """All tasks that the runtime holds anything of: by id, the revision of what `observe` tells of each now."""

    async def dial(self, task_id: str, port: int) -> socket.socket:
        """A TCP socket, non-blocking, connected to 127.0.0.1:port inside the task's network namespace. NotRunning."""

    async def resolve_and_dial(self, task_id: str, host: str, port: int) -> socket.socket:
        """As a program of the task would connect to host:port: its hosts file, its namespace, its proxy.

        NameUnknown, NoAnswer, NotRunning for the rest.
        """

    def logs(self, task_id: str, container: str, since: datetime | None, follow: bool) -> AsyncIterator[LogLine]:
        """The lines a container wrote, oldest first; with `follow`, on and on until the container is gone."""

    def watch(self, nudge: Callable[[str], None]) -> None:
        """Call `nudge(task_id)` whenever something of a task may have changed. A nudge may be lost or doubled."""


@dataclass(frozen=True)
class Commit:
    """What a commit did: the sequence it got, and the records it wrote or deleted."""

    sequence: int
    touched: tuple[RecordId, ...]


class Store(Protocol):
    """Holds the World. A commit is on disk before it is visible or answered."""

    def snapshot(self) -> World:
        """The World as of the last finished commit. Free."""

    async def commit(self, writes: Sequence[Write], expect: Expect) -> Commit:
        """Apply all writes at once; raise Stale, and change nothing, if a record is not at its expected version."""

    def watch(self, listener: Callable[[Commit], None]) -> None:
        """Call `listener` in the event loop after each commit became visible, in commit order."""

    async def close(self) -> None:
        """Finish the commits under way and let go of the data directory."""


class NameServer(Protocol):
    """Answers tasks that ask for names."""

    def tell(self, told: Zones) -> None:
        """Answer with these zones from now on, in place of those told before."""


class Clock(Protocol):
    """The time, UTC and aware."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Fresh identifiers."""

    def hex32(self) -> str:
        """32 lowercase hexadecimal digits (task ids)."""

    def digits(self, count: int) -> str:
        """`count` decimal digits, the first not 0 (deployment ids have 19)."""

    def letters(self, count: int) -> str:
        """`count` of a-z0-9, the first a letter (Cloud Map ids, container suffixes)."""

    def uuid(self) -> str:
        """A random UUID in its canonical form."""


class Operations(Protocol):
    """Calls an AWS operation as a client of the endpoint would: a stack can do nothing that a caller cannot."""

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The parsed response; raises OperationFailed with AWS's code and message."""


class OperationFailed(Exception):
    """An operation answered with an error: `service` and `code` as in the model, `message` as a client reads it."""

    def __init__(self, service: str, operation: str, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.service = service
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status


class Proxies(Protocol):
    """Where bundles go: the xDS server. Knows what each proxy was sent, acknowledged and refused."""

    async def open(self, task_id: str) -> str:
        """Listen for the task's proxy; return the host directory that holds its socket `xds.sock` (idempotent)."""

    async def close(self, task_id: str) -> None:
        """Stop listening for the task's proxy and take its directory away (idempotent)."""

    def publish(self, task_id: str, bundle: Any) -> None:
        """Make `bundle` (moorage.mesh.bundle.Bundle) what the proxy shall hold; equal content is not sent again."""

    def endpoint_gone(self, tasks: Sequence[str], address: str) -> frozenset[str]:
        """Of `tasks`, those whose proxies have not yet acknowledged a configuration without `address`."""

    def refused(self, task_id: str) -> tuple[str, ...]:
        """What the proxy refused of what it shall hold now, and why: a clause each, ordered."""

    def watch(self, nudge: Callable[[str], None]) -> None:
        """Call `nudge(task_id)` when a proxy connected, acknowledged or refused something."""

    def takes(self, task_id: str) -> frozenset[tuple[str, int]] | None:
        """The addresses and ports that the proxy takes traffic for; None while it does not hold its whole bundle."""

    async def ready(self, task_id: str) -> bool:
        """True when the proxy says it is LIVE with its whole configuration in place."""

    async def drain(self, task_id: str) -> None:
        """Ask the proxy to drain its inbound listeners gracefully (idempotent)."""

    async def in_flight(self, task_id: str) -> int | None:
        """Active inbound HTTP requests and TCP connections, not idle keep-alive; None when it does not answer."""
