"""What every proxy counted, in the Prometheus text format: Envoy's own numbers under Moorage's names and labels.

Proxies are asked when somebody asks here, and for these numbers only. Each series carries its task, so that none goes
back when a task ends. Nothing is added up or guessed: a proxy that does not answer is counted as one that did not.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from moorage.domain.connect import ConnectConfiguration
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.ports import Store
from moorage.mesh import names

AT_ONCE: Final = 16
"""How many proxies are asked at the same time."""

FILTER: Final = (
    r"^(http\.(egress/|ingress-)[^.]*\.downstream_(rq_[1-5]xx|cx_(total|active|rx_bytes_total|tx_bytes_total))"
    r"|tcp\.(egress/|ingress-)[^.]*\.downstream_cx_(total|rx_bytes_total|tx_bytes_total)"
    r"|cluster\.(egress/|ingress/)[^.]*\.upstream_rq_time)$"
)

_LINE: Final = re.compile(r"^(?P<name>envoy_\w+?)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PREFIX: Final = ("envoy_http_conn_manager_prefix", "envoy_tcp_prefix", "envoy_cluster_name")

Ask = Callable[[str, str], Awaitable[str | None]]
"""Envoy's answer, in its Prometheus format, to a task id and a filter of statistics; None when it does not answer."""


@dataclass(frozen=True)
class Family:
    """One metric of ours, and the statistics of Envoy (in its Prometheus names) that it is read from."""

    name: str
    kind: str
    says: str
    sources: tuple[str, ...]


FAMILIES: Final = (
    Family("moorage_requests_total", "counter", "Requests answered, by class of status.", ("http_downstream_rq_xx",)),
    Family(
        "moorage_connections_total",
        "counter",
        "Connections accepted.",
        ("http_downstream_cx_total", "tcp_downstream_cx_total"),
    ),
    Family("moorage_connections_active", "gauge", "Open HTTP connections.", ("http_downstream_cx_active",)),
    Family(
        "moorage_received_bytes_total",
        "counter",
        "Bytes received from who connected.",
        ("http_downstream_cx_rx_bytes_total", "tcp_downstream_cx_rx_bytes_total"),
    ),
    Family(
        "moorage_sent_bytes_total",
        "counter",
        "Bytes sent to who connected.",
        ("http_downstream_cx_tx_bytes_total", "tcp_downstream_cx_tx_bytes_total"),
    ),
    Family(
        "moorage_request_duration_milliseconds",
        "histogram",
        "From sending a request on to the end of its answer.",
        tuple(f"cluster_upstream_rq_time_{part}" for part in ("bucket", "sum", "count")),
    ),
)

_FAMILY: Final = {source: family for family in FAMILIES for source in family.sources}


@dataclass(frozen=True)
class Measured:
    """A task with a proxy: its own labels, and those of each statistics prefix of its proxy."""

    task_id: str
    labels: Mapping[str, str]
    prefixes: Mapping[str, Mapping[str, str]]


class Metrics:
    """Gathers from all proxies."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store = store
        self._ask = ask

    async def text(self) -> str:
        """The whole exposition."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(of: Measured) -> tuple[Measured, str | None]:
            async with room:
                return of, await self._ask(of.task_id, FILTER)

        found = await asyncio.gather(*(one(of) for of in measured(self._store.snapshot())))
        return "".join(_exposition(found))


def measured(world: World) -> list[Measured]:
    """Every running task that has a proxy."""
    running = (state for state in world.all(TaskState) if state.status is Status.RUNNING)
    tasks = (world.get(Task, state.key) for state in sorted(running, key=lambda state: state.key))
    found = (_measured(world, task) for task in tasks if task is not None)
    return [each for each in found if each is not None]


def series(of: Measured, text: str) -> Iterator[tuple[Family, str]]:
    """Envoy's lines of one proxy as ours, each with its family."""
    for line in _LINE.finditer(text):
        source = line["name"].removeprefix("envoy_")
        family = _FAMILY.get(source)
        labels = dict(_LABEL.findall(line["labels"]))
        prefix = next((labels[each] for each in _PREFIX if each in labels), "")
        told = of.prefixes.get(prefix)
        if family is None or told is None:
            continue
        ours = {**of.labels, **told}
        if "envoy_response_code_class" in labels:
            ours["response_class"] = f"{labels['envoy_response_code_class']}xx"
        if "le" in labels:
            ours["le"] = labels["le"]
        part = source.rpartition("_")[2] if family.kind == "histogram" else ""
        name = f"{family.name}_{part}" if part else family.name
        yield family, f"{name}{{{_written(ours)}}} {line['value']}\n"


def _measured(world: World, task: Task) -> Measured | None:
    deployment = world.get(Deployment, task.deployment_key) if task.deployment_key else None
    if deployment is None or deployment.namespace_id is None:
        return None
    prefixes: dict[str, Mapping[str, str]] = {}
    for known in deployment.known:
        of = known.endpoint
        told = {"direction": "egress", "target_discovery_name": of.discovery_name}
        prefixes[names.statistics(of.alias, of.alias_port)] = told
    for port in ConnectConfiguration.read(deployment.connect).exposed:
        told = {"direction": "ingress", "discovery_name": port.discovery_name}
        prefixes[f"ingress-{port.port_name}"] = prefixes[f"ingress/{port.port_name}"] = told
    labels = {"cluster": task.cluster, "service": deployment.service, "task": task.id}
    return Measured(task.id, labels, prefixes)


def _exposition(found: Iterable[tuple[Measured, str | None]]) -> Iterator[str]:
    answers = list(found)
    lines: dict[str, list[str]] = {family.name: [] for family in FAMILIES}
    for of, text in answers:
        for family, line in series(of, text or ""):
            lines[family.name].append(line)
    for family in FAMILIES:
        yield f"# HELP {family.name} {family.says}\n# TYPE {family.name} {family.kind}\n"
        yield from lines[family.name]
    yield "# HELP moorage_proxy_up Whether the proxy of a running task answered.\n# TYPE moorage_proxy_up gauge\n"
    for of, text in answers:
        yield f"moorage_proxy_up{{{_written(of.labels)}}} {0 if text is None else 1}\n"


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
