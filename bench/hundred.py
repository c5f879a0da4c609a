"""A hundred real tasks with proxies on one machine: how soon they run, what the daemon does at rest, what all holds.

Ten services of ten tasks that all know each other's names, each task a small program whose output goes to CloudWatch
Logs. At rest nothing is asked of the daemon; then its metrics are read.
"""

import time
import urllib.request
from pathlib import Path

from bench import machine
from bench.figure import Figure, middle
from bench.place import Place, fresh
from bench.proxies import run_seconds

SERVICES, TASKS = 10, 10
PORT = {"name": "server", "containerPort": 5000, "appProtocol": "http"}
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "bench", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "bench"},
}
PERIOD = 15.0
"""Seconds between two readings of the metrics, as Prometheus is commonly told."""


def measure(quick: bool) -> list[Figure]:
    with fresh() as moorage:
        took = _deploy(moorage)
        assert moorage.process is not None
        daemon = moorage.process.pid
        time.sleep(5)
        rest = _share(daemon, 20 if quick else 130)
        held = _held(moorage)
        scrapes = [_scrape(moorage, daemon) for _ in range(5)]
    count = SERVICES * TASKS
    how = f"{SERVICES} services of {TASKS} tasks, all client-server, {SERVICES} names"
    return [
        Figure(f"{count} tasks: first CreateService to all stable", took, "s", note=how),
        Figure(f"{count} tasks at rest: the daemon", rest, "% of a core", 2, note="gathering its own metrics included"),
        Figure("all processes of this Moorage", sum(held.values()), "MB", note="proportional set size"),
        *(Figure(f"of it: {what}", size, "MB") for what, size in held.items()),
        middle(
            f"reading the metrics of {count // 2} proxies", scrapes, "% of a core", 1, f"every {PERIOD:g} s, the daemon"
        ),
    ]


def _deploy(moorage: Place) -> float:
    moorage.ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "bench.local"})
    moorage.client("logs").create_log_group(logGroupName="bench")
    began = time.monotonic()
    names = [f"service-{number}" for number in range(SERVICES)]
    for name in names:
        moorage.define(name, PORT, logConfiguration=LOGS)
        alias = {"port": 5000, "dnsName": f"{name}.bench.local"}
        port = {"portName": "server", "discoveryName": name, "clientAliases": [alias]}
        moorage.serve(name, TASKS, {"enabled": True, "services": [port]})
    moorage.stable(*names, within=240)
    return time.monotonic() - began


def _share(pid: int, seconds: float) -> float:
    """Per cent of a core that a process uses while nothing is asked of it."""
    began, before = time.monotonic(), run_seconds(pid)
    time.sleep(seconds)
    return (run_seconds(pid) - before) / (time.monotonic() - began) * 100


def _scrape(moorage: Place, daemon: int) -> float:
    """Per cent of a core that reading the metrics takes at its period, for half of the proxies that there are."""
    before = run_seconds(daemon)
    with urllib.request.urlopen(f"{moorage.url}/_moorage/metrics", timeout=30) as answer:
        text = answer.read().decode()
    if text.count("moorage_proxy_up{") != SERVICES * TASKS:
        raise RuntimeError(f"{text.count('moorage_proxy_up{')} proxies answered")
    return (run_seconds(daemon) - before) / PERIOD * 100 / 2


def _held(moorage: Place) -> dict[str, float]:
    """Megabytes by what holds them: the daemon and all that it or its supervisor started, their pages shared out."""
    assert moorage.process is not None
    children: dict[int, list[int]] = {}
    roots = {moorage.process.pid}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _parent(entry)) is not None:
            parent, words = found
            children.setdefault(parent, []).append(int(entry.name))
            if "moorage.runtime.supervisor" in words and str(moorage.data.parent) in words:
                roots.add(int(entry.name))
    held = {"the daemon": 0.0, "proxies": 0.0, "the rest": 0.0}
    seen: set[int] = set()
    waiting = sorted(roots)
    while waiting:
        pid = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        waiting += children.get(pid, [])
        held[_kind(pid, moorage.process.pid)] += machine.proportional(pid)
    return held


def _parent(entry: Path) -> tuple[int, str] | None:
    try:
        status = (entry / "stat").read_text().rpartition(")")[2].split()
        return int(status[1]), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return None


def _kind(pid: int, daemon: int) -> str:
    if pid == daemon:
        return "the daemon"
    return "proxies" if Path(f"/proc/{pid}/comm").read_text().startswith("envoy") else "the rest"
