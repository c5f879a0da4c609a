"""Settings: how a daemon is set up. One frozen value; each field has a default, an environment variable and a sentence.

docs/settings.md lists them; a test keeps the list complete.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

PREFIX: Final = "MOORAGE_"
DEFAULT_PORT: Final = 4566
UNSET: Final = Path()


def _setting(default: Any, what: str) -> Any:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True)
class Settings:
    """Every setting is also read from MOORAGE_<NAME>; an option on the command line wins over it."""

    host: str = _setting("127.0.0.1", "the address to listen on; beyond loopback, requests must be signed")
    port: int = _setting(DEFAULT_PORT, "the port to listen on")
    dns_name: str = _setting("", "a DNS name for the endpoint; it and `data-` before it must resolve to the host")
    data_dir: Path = _setting(UNSET, "where state, images and output are kept")
    run_dir: Path = _setting(UNSET, "where sockets are; a short path, since Envoy refuses long ones")
    runtime: str = _setting("auto", "what runs tasks: auto or netns")
    names: str = _setting("frozen", "which names a task knows: frozen at its deployment, as AWS has it, or live")
    network: str = _setting("", "the range that task addresses come from; empty: the first free /16 of 100.64.0.0/10")
    instance_cpu: int = _setting(
        0, "how many CPU units this machine has for tasks of the EC2 launch type; 0: 1024 for each of its processors"
    )
    instance_memory: int = _setting(0, "how many MiB it has for them; 0: as much memory as there is")
    default_region: str = _setting("us-east-1", "the region of requests that name none")
    drain_seconds: float = _setting(20.0, "how long a stopping task may finish the requests that it holds")
    acknowledgement_seconds: float = _setting(5.0, "how long to wait for proxies to let go of a stopping task")
    stop_seconds: float = _setting(30.0, "how long after SIGTERM a container without stopTimeout is killed")
    start_seconds: float = _setting(180.0, "how long the proxy of a task may take to become ready")
    listen_seconds: float = _setting(
        60.0, "how long traffic waits for a task without health check to listen on its exposed ports; 0: not at all"
    )
    steady_seconds: float = _setting(
        1.0, "how long a service's task without health check and exposed ports must run until it counts as healthy"
    )
    ejection_percent: int = _setting(50, "how many percent of an alias's tasks may be ejected for failing at once")
    zone_minimum: int = _setting(
        2, "requests prefer their own zone where at least so many tasks behind the name are in it; 0: nowhere"
    )
    max_connections: int = _setting(
        0, "how many connections a proxy may have to the tasks behind one name; 0: any number"
    )
    max_pending_requests: int = _setting(
        0, "how many requests may wait in a proxy for a connection to the tasks behind one name; 0: any number"
    )
    max_requests: int = _setting(
        0, "how many requests a proxy may have under way to the tasks behind one name; 0: any number"
    )
    connect_seconds: float = _setting(1.0, "how long a proxy tries to connect to a task before it takes another")
    log_level: str = _setting("info", "how much the daemon writes to its log: debug, info, warning or error")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **given: Any) -> "Settings":
        """Defaults, then MOORAGE_* variables, then what was given (None counts as not given).

        Raise ValueError, naming the variable, for a value that is not of the setting's type.
        """
        values: dict[str, Any] = {}
        for setting in fields(cls):
            name = PREFIX + setting.name.upper()
            if name in environment:
                values[setting.name] = _read(name, environment[name], setting.type)
        values |= {name: value for name, value in given.items() if value is not None}
        settings = cls(**values)
        if settings.data_dir == UNSET:
            settings = replace(settings, data_dir=default_data_dir(environment, os.geteuid()))
        settings = replace(settings, data_dir=settings.data_dir.expanduser().absolute())
        if settings.network:
            _check_range(PREFIX + "NETWORK", settings.network)
        if settings.run_dir == UNSET:
            settings = replace(settings, run_dir=default_run_dir(environment, os.geteuid(), settings.data_dir))
        return settings

    @property
    def instance(self) -> str:
        """Eight hexadecimal digits that tell this daemon's namespaces and sockets from another's."""
        return instance_of(self.data_dir)

    @property
    def acknowledgement(self) -> timedelta:
        return timedelta(seconds=self.acknowledgement_seconds)

    @property
    def drain(self) -> timedelta:
        return timedelta(seconds=self.drain_seconds)


def instance_of(data_dir: Path) -> str:
    """The name of a data directory among the daemons of this machine."""
    return sha256(str(data_dir).encode()).hexdigest()[:8]


def default_data_dir(environment: Mapping[str, str], uid: int) -> Path:
    """/var/lib/moorage for root, else below the user's state directory."""
    if uid == 0:
        return Path("/var/lib/moorage")
    state = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "~")) / ".local" / "state")
    return Path(state) / "moorage"


def default_run_dir(environment: Mapping[str, str], uid: int, data_dir: Path) -> Path:
    """/run/moorage/<instance> for root, else below XDG_RUNTIME_DIR, else a directory of the user's own in /tmp."""
    instance = instance_of(data_dir)
    if uid == 0:
        return Path("/run/moorage") / instance
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK):
        return Path(runtime) / "moorage" / instance
    return Path(f"/tmp/moorage-{uid}") / instance


def _check_range(name: str, text: str) -> None:
    try:
        ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"{name}: {text!r} is not a range of IPv4 addresses such as 10.200.0.0/16: {error}") from None


def _read(name: str, text: str, kind: Any) -> Any:
    if kind is Path:
        return Path(text)
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a {kind.__name__}") from None
