"""Limits of CPU and memory by control groups, version 1 or 2, where this machine lets the supervisor make any.

One group per instance, in it one per task, in it one per container. Where groups cannot be made nothing is limited,
and `enforced` says so; whether that matters is for the user to judge.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime.supervisor.protocol import Refused

_CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD = 100_000
"""The length in microseconds over which a CPU quota is counted; the kernel's default."""

_UNITS_PER_CORE = 1024
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """CPU in ECS CPU units, memory in MiB; 0 is unlimited. `reservation`: what reclaim leaves a container, in MiB.

    `swap` in MiB is what it may swap beside its memory; `swappiness` from 0 to 100, None: the machine's own.
    """

    cpu: int = 0
    memory: int = 0
    reservation: int = 0
    swap: int = 0
    swappiness: int | None = None


@dataclass(frozen=True)
class Cgroups:
    """The instance's group in each hierarchy: controller -> directory. Version 2 has one directory for all."""

    version: int
    groups: dict[str, Path]

    @property
    def enforced(self) -> bool:
        """True when memory and CPU limits hold."""
        return {"memory", "cpu"} <= self.groups.keys()

    def make_task(self, task: str, limits: Limits) -> None:
        """Make the task's group: its CPU is a ceiling, as in ECS."""
        for controller, group in self.groups.items():
            directory = group / task
            directory.mkdir(exist_ok=True)
            if self.version == 2:
                (directory / "cgroup.subtree_control").write_text(_enabling(self.groups))
            _limit(self.version, controller, directory, limits)
            if controller == "cpu" and limits.cpu:
                _cap(self.version, directory, limits.cpu)

    def make_container(self, task: str, name: str, limits: Limits) -> list[str]:
        """Make the container's group, whose CPU is a share; returns the files by which a process joins it."""
        joins = []
        for controller, group in self.groups.items():
            directory = group / task / name
            directory.mkdir(exist_ok=True)
            _limit(self.version, controller, directory, limits)
            if controller == "cpu" and limits.cpu:
                _share(self.version, directory, limits.cpu)
            joins.append(str(directory / "cgroup.procs"))
        return sorted(set(joins))

    def joins(self, task: str, name: str) -> list[str]:
        """The files by which one more process joins the container's group."""
        return sorted({str(group / task / name / "cgroup.procs") for group in self.groups.values()})

    def ran_out_of_memory(self, task: str, name: str) -> bool:
        """True when the kernel ended a process of the container for want of memory."""
        if "memory" not in self.groups:
            return False
        file = "memory.events" if self.version == 2 else "memory.oom_control"
        with suppress(OSError):
            for line in (self.groups["memory"] / task / name / file).read_text().splitlines():
                key, _, count = line.partition(" ")
                if key == "oom_kill":
                    return int(count) > 0
        return False

    def remove_task(self, task: str) -> None:
        """Take the task's groups away; nothing of it runs any more."""
        for group in set(self.groups.values()):
            _remove_tree(group / task)

    def remove_all(self) -> None:
        """Take the instance's groups away."""
        for group in set(self.groups.values()):
            _remove_tree(group)


def open_groups(instance: str) -> Cgroups:
    """The instance's groups, made where the machine allows; a former run's are emptied and made anew."""
    places = _hierarchies()
    version, parents = places if places else (0, {})
    groups = {}
    for controller, parent in parents.items():
        group = parent / f"moorage-{instance}"
        try:
            _kill_leftovers(group)
            _remove_tree(group)
            group.mkdir(exist_ok=True)
            if version == 2:
                (parent / "cgroup.subtree_control").write_text(_enabling(parents))
                (group / "cgroup.subtree_control").write_text(_enabling(parents))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        groups[controller] = group
    return Cgroups(version, groups)


def _hierarchies() -> tuple[int, dict[str, Path]] | None:
    """The version in use, and for each controller the directory below which groups can be made."""
    own = _own_paths()
    unified: Path | None = None
    first: dict[str, Path] = {}
    for root, point, kind, options in _mounts():
        if kind == "cgroup2":
            unified = point
        elif kind == "cgroup":
            for controller in set(_CONTROLLERS) & set(options):
                path = own.get(controller, "/").removeprefix(root.rstrip("/"))
                first[controller] = point / path.lstrip("/")
    if first:
        return 1, first
    if unified is None or not os.access(unified, os.W_OK):
        return None
    present = (unified / "cgroup.controllers").read_text().split()
    # Below the top, not below our own group: a group that holds processes cannot hand controllers on.
    return 2, {controller: unified for controller in _CONTROLLERS if controller in present}


def _mounts() -> Iterator[tuple[str, Path, str, list[str]]]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        yield fields[3], Path(fields[4]), rest[0], rest[2].split(",")


def _own_paths() -> dict[str, str]:
    paths = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _enabling(controllers: dict[str, Path]) -> str:
    return " ".join(f"+{controller}" for controller in controllers)


def _limit(version: int, controller: str, directory: Path, limits: Limits) -> None:
    if controller != "memory":
        return
    if limits.reservation:
        soft = directory / ("memory.low" if version == 2 else "memory.soft_limit_in_bytes")
        soft.write_text(str(limits.reservation * _MIB))
    if not limits.memory:
        return
    if version == 2 and limits.swappiness is not None:
        raise Refused("CannotStart", "swappiness cannot be set: control groups of version 2 have none of their own")
    amount = str(limits.memory * _MIB)
    (directory / ("memory.max" if version == 2 else "memory.limit_in_bytes")).write_text(amount)
    with suppress(OSError):  # without swap there is nothing to limit
        if version == 2:
            (directory / "memory.swap.max").write_text(str(limits.swap * _MIB))
        else:
            (directory / "memory.memsw.limit_in_bytes").write_text(str((limits.memory + limits.swap) * _MIB))
            if limits.swappiness is not None:
                (directory / "memory.swappiness").write_text(str(limits.swappiness))


def _cap(version: int, directory: Path, units: int) -> None:
    quota = max(units * _PERIOD // _UNITS_PER_CORE, 1000)
    if version == 2:
        (directory / "cpu.max").write_text(f"{quota} {_PERIOD}")
    else:
        (directory / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (directory / "cpu.cfs_quota_us").write_text(str(quota))


def _share(version: int, directory: Path, units: int) -> None:
    shares = max(units, 2)
    if version == 2:
        # The kernel's own mapping of shares (2 to 262144) to weights (1 to 10000).
        weight = 1 + (min(shares, 262144) - 2) * 9999 // 262142
        (directory / "cpu.weight").write_text(str(weight))
    else:
        (directory / "cpu.shares").write_text(str(shares))


def _kill_leftovers(group: Path) -> None:
    for file in [*group.glob("*/*/cgroup.procs"), *group.glob("*/cgroup.procs")]:
        for pid in file.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _remove_tree(group: Path) -> None:
    if not group.is_dir():
        return
    for child in group.iterdir():
        if child.is_dir():
            _remove_tree(child)
    with suppress(OSError):  # a process that is just ending keeps its group busy: the next start removes it
        group.rmdir()
