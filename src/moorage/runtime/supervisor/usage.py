"""What a task uses: CPU, memory and processes by its control groups, bytes and packets by its interface.

Reads only. Where no groups can be made a container's use is not known, and None says so.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from moorage.runtime.supervisor.cgroups import Cgroups

_NETWORK = Path("/proc/thread-self/net/dev")
_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""Nanoseconds in which the kernel counts the time of processes."""
_RECEIVED = ("rx_bytes", "rx_packets", "rx_errors", "rx_dropped")
_SENT = ("tx_bytes", "tx_packets", "tx_errors", "tx_dropped")


def of_container(groups: Cgroups, task: str, name: str) -> dict[str, Any] | None:
    """Nanoseconds of CPU, of them those of programs and of the kernel; bytes of memory with their limit; processes."""
    if not {"cpu", "memory", "pids"} <= groups.groups.keys():
        return None
    cpu, memory, pids = (groups.groups[each] / task / name for each in ("cpu", "memory", "pids"))
    if groups.version == 2:
        times = _keyed(cpu / "cpu.stat")
        spent: int | None = times.get("usage_usec", 0) * 1000
        user, kernel = times.get("user_usec", 0) * 1000, times.get("system_usec", 0) * 1000
        used, limit = _number(memory / "memory.current"), _number(memory / "memory.max")
        most = _number(memory / "memory.peak")
    else:
        spent = _number(cpu / "cpuacct.usage")
        user, kernel = _of_processes(cpu / "cgroup.procs") if spent is None else _of_group(cpu / "cpuacct.stat")
        spent = user + kernel if spent is None else spent
        used, limit = _number(memory / "memory.usage_in_bytes"), _number(memory / "memory.limit_in_bytes")
        most = _number(memory / "memory.max_usage_in_bytes")
    counted = {"usage": used, "max_usage": most, "limit": limit}
    return {
        "cpu": spent,
        "user": user,
        "kernel": kernel,
        "memory": {
            **{key: value for key, value in counted.items() if value is not None},
            "stats": _keyed(memory / "memory.stat"),
        },
        "pids": {"current": _number(pids / "pids.current")},
    }


def of_network(interface: str) -> dict[str, int]:
    """The interface's counters in the network namespace that the thread is in now."""
    for line in _NETWORK.read_text().splitlines():
        name, colon, counters = line.partition(":")
        if colon and name.strip() == interface:
            numbers = [int(word) for word in counters.split()]
            return {**dict(zip(_RECEIVED, numbers, strict=False)), **dict(zip(_SENT, numbers[8:], strict=False))}
    return {}


def of_machine() -> tuple[int, int]:
    """How many processors there are, and the nanoseconds that they have spent together since the start."""
    ticks = Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    return os.cpu_count() or 1, sum(map(int, ticks)) * _TICK


def _of_processes(members: Path) -> tuple[int, int]:
    """Where `cpuacct` is elsewhere: what the group's processes, and children that they have waited for, have spent."""
    user = kernel = 0
    for pid in members.read_text().split():
        with suppress(OSError):
            fields = [int(each) for each in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]]
            user, kernel = user + fields[0] + fields[2], kernel + fields[1] + fields[3]
    return user * _TICK, kernel * _TICK


def _of_group(file: Path) -> tuple[int, int]:
    ticks = _keyed(file)
    return ticks.get("user", 0) * _TICK, ticks.get("system", 0) * _TICK


def _number(file: Path) -> int | None:
    """The file's number; None where there is no such file or no limit."""
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return None


def _keyed(file: Path) -> dict[str, int]:
    """A file of names and numbers; nothing where there is no such file."""
    with suppress(OSError):
        lines = (line.split() for line in file.read_text().splitlines())
        return {words[0]: int(words[1]) for words in lines}
    return {}
