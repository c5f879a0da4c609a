"""What a container definition may ask of the machine: ECS's rules for it, and what nothing here can give.

The texts follow the ECS API reference of ContainerDefinition and LinuxParameters. What is taken is made in the runtime.
Volumes have rules of their own, in `volume_rules`.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from moorage.domain import capabilities
from moorage.domain.errors import ClientMistake, Unsupported

Document = Mapping[str, Any]

SYSCTL = re.compile(
    r"kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.[a-z0-9_]+|net(\.[A-Za-z0-9_-]+)+"
)
"""Kernel parameters that belong to the namespaces of a task (ECS API reference, SystemControl)."""

MEMORY_OPTIONS = re.compile(
    r"defaults|rw|ro|nosuid|nodev|noexec|exec|sync|async|noatime|nodiratime|relatime|strictatime|mode=[0-7]{3,4}"
)

RESTART_PERIODS = range(60, 1801)
MAX_IGNORED_CODES = 50

NOT_IN_AWSVPC = {"hostname": "hostname is", "extraHosts": "Extra hosts are"}
"""What a container cannot have where its task has a network interface, in ECS's words."""

ON_FARGATE = frozenset({"SYS_PTRACE"})
"""The capabilities that can be added on Fargate (ECS API reference, KernelCapabilities)."""


def check(document: Document) -> None:
    """ClientMistake or Unsupported unless every container of the completed task definition can be made."""
    for container in document["containerDefinitions"]:
        _check_capabilities(container)
        _check_names(container, document.get("networkMode"))
        _check_ulimits(container)
        _check_system_controls(container)
        _check_memory_mounts(container)
        _check_swap(container)
        _check_restart_policy(container)


def check_fargate(container: Document) -> None:
    """ClientMistake for what Fargate does not take from a container."""
    if "sharedMemorySize" in container.get("linuxParameters", {}):
        raise ClientMistake(_invalid("sharedMemorySize", container, "Fargate does not support it."))
    for member in ("maxSwap", "swappiness"):
        if member in container.get("linuxParameters", {}):
            raise ClientMistake(_invalid(member, container, "Fargate does not support it."))
    asked = container.get("linuxParameters", {}).get("capabilities", {}).get("add", ())
    if set(asked) - ON_FARGATE:
        raise ClientMistake(_invalid("capabilities", container, "on Fargate only SYS_PTRACE can be added."))


def _check_capabilities(container: Document) -> None:
    beyond = capabilities.not_addable(container.get("linuxParameters", {}).get("capabilities"))
    if beyond:
        raise Unsupported(
            f"Adding the capability {', '.join(beyond)} to container '{container['name']}'",
            "it would reach beyond the task's own user ids; "
            f"{', '.join(sorted(capabilities.EFFECTIVE - capabilities.DEFAULT))} can be added.",
        )


def _check_names(container: Document, mode: str | None) -> None:
    for member, subject in NOT_IN_AWSVPC.items():
        if mode == "awsvpc" and container.get(member):
            raise ClientMistake(f"{subject} not supported on container when networkMode=awsvpc.")
    for host in container.get("extraHosts", ()):
        _check_address("extraHosts", container, host["ipAddress"])
    for server in container.get("dnsServers", ()):
        _check_address("dnsServers", container, server)


def _check_address(member: str, container: Document, text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ClientMistake(_invalid(member, container, f"'{text}' is not an IP address.")) from None


def _check_ulimits(container: Document) -> None:
    seen: set[str] = set()
    for each in container.get("ulimits", ()):
        name, soft, hard = each["name"], each["softLimit"], each["hardLimit"]
        if name in seen:
            raise ClientMistake(_invalid("ulimits", container, f"'{name}' is set more than once."))
        seen.add(name)
        if min(soft, hard) < -1 or (hard != -1 and (soft == -1 or soft > hard)):
            raise ClientMistake(_invalid("ulimits", container, f"the soft limit of '{name}' is above its hard limit."))


def _check_system_controls(container: Document) -> None:
    for each in container.get("systemControls", ()):
        name = each.get("namespace", "")
        if "value" not in each or not SYSCTL.fullmatch(name):
            raise ClientMistake(
                _invalid(
                    "systemControls",
                    container,
                    f"'{name}' needs a value and must be a parameter of the task's own namespaces: one of kernel.msg*, "
                    "kernel.sem, kernel.shm*, fs.mqueue.*, net.*.",
                )
            )


def _check_swap(container: Document) -> None:
    linux = container.get("linuxParameters", {})
    if linux.get("maxSwap", 0) < 0:
        raise ClientMistake(_invalid("maxSwap", container, "it must not be negative."))
    if not 0 <= linux.get("swappiness", 0) <= 100:
        raise ClientMistake(_invalid("swappiness", container, "it must be between 0 and 100."))


def _check_memory_mounts(container: Document) -> None:
    linux = container.get("linuxParameters", {})
    if linux.get("sharedMemorySize", 1) < 1:
        raise ClientMistake(_invalid("sharedMemorySize", container, "it must be at least 1 MiB."))
    for each in linux.get("tmpfs", ()):
        if not each["containerPath"].startswith("/") or each["size"] < 1:
            raise ClientMistake(_invalid("tmpfs", container, "it needs an absolute containerPath and at least 1 MiB."))
        for option in each.get("mountOptions", ()):
            if not MEMORY_OPTIONS.fullmatch(option):
                raise Unsupported(
                    f"The mount option '{option}' of a tmpfs in container '{container['name']}'",
                    "containers cannot have devices, programs that gain rights, or mounts that are seen elsewhere.",
                )


def _check_restart_policy(container: Document) -> None:
    policy = container.get("restartPolicy", {})
    if policy.get("restartAttemptPeriod", RESTART_PERIODS[0]) not in RESTART_PERIODS:
        raise ClientMistake(_invalid("restartPolicy", container, "restartAttemptPeriod must be between 60 and 1800."))
    if len(policy.get("ignoredExitCodes", ())) > MAX_IGNORED_CODES:
        raise ClientMistake(
            _invalid("restartPolicy", container, f"at most {MAX_IGNORED_CODES} exit codes are ignored.")
        )


def _invalid(member: str, container: Document, why: str) -> str:
    return f"Invalid '{member}' setting for container '{container['name']}': {why}"
