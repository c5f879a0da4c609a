"""From what proxies counted and tasks used in a minute to the points of AWS/ECS: which sample goes to which series.

One sample per task and minute, as AWS has it; a count at zero is no sample. Whose traffic counts where is settled in
docs/decisions/0181; names, units and dimensions are those of docs/reference/service-connect.md section 5.1.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from moorage.domain.changes import Key
from moorage.domain.metrics import Samples, Series
from moorage.domain.traffic import EGRESS, Counts, Reading, Side

Sample = tuple[str, float]
Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Use:
    """A task's use of what it reserved, in percent; None where either is not known."""

    cpu: float | None = None
    memory: float | None = None


@dataclass(frozen=True)
class Metered:
    """One task in one minute: its service's key, what its proxy counted meanwhile, and what it used."""

    service: Key
    passed: Reading
    use: Use = Use()


def points(tasks: Iterable[Metered]) -> Mapping[Series, Samples]:
    """The points of one minute."""
    samples: dict[Series, dict[float, int]] = {}

    def add(series: Series, more: Samples) -> None:
        held = samples.setdefault(series, {})
        for value, count in more.items():
            held[value] = held.get(value, 0) + count

    tasks = list(tasks)
    for task in tasks:
        for series, more in _of_task(task):
            add(series, more)
    for series, value in _per_target(tasks):
        add(series, {value: 1})
    return samples


def _of_task(task: Metered) -> Iterator[tuple[Series, Samples]]:
    account, region, cluster, service = task.service
    own = (("ClusterName", cluster), ("ServiceName", service))
    for name, used in (("CPUUtilization", task.use.cpu), ("MemoryUtilization", task.use.memory)):
        if used is not None:
            yield Series(account, region, name, own), {used: 1}
    for side, counts in task.passed.items():
        for dimensions in _dimensions(side, own):
            for name, value in _samples(side, counts):
                yield Series(account, region, name, dimensions), {value: 1}
            if side.direction == EGRESS and counts.durations:
                yield Series(account, region, "TargetResponseTime", dimensions), dict(counts.durations)


def _dimensions(side: Side, own: Dimensions) -> tuple[Dimensions, Dimensions]:
    """The discovery name alone, and with the service whose proxies counted."""
    named = ("TargetDiscoveryName" if side.direction == EGRESS else "DiscoveryName", side.discovery_name)
    return (named,), tuple(sorted((named, *own)))


def _samples(side: Side, counts: Counts) -> Iterator[Sample]:
    """What one side of one proxy gives to both sets of dimensions. Counts of requests need a protocol that has any."""
    found = _outbound(counts) if side.direction == EGRESS else _inbound(side, counts)
    yield from ((name, float(value)) for name, value in found if value)


def _inbound(side: Side, counts: Counts) -> Iterator[tuple[str, int]]:
    yield "ActiveConnectionCount", counts.active
    yield "NewConnectionCount", counts.connections
    yield "ProcessedBytes", counts.received + counts.sent
    yield "RequestCount", counts.requests
    yield "GrpcRequestCount", counts.requests if side.protocol == "grpc" else 0
    yield "ClientTLSNegotiationErrorCount", counts.tls_errors


def _outbound(counts: Counts) -> Iterator[tuple[str, int]]:
    for first in "2345":
        yield f"HTTPCode_Target_{first}XX_Count", counts.responses.get(f"{first}xx", 0)
    yield "TargetProcessedBytes", counts.received + counts.sent
    yield "TargetTLSNegotiationErrorCount", counts.tls_errors


def _per_target(tasks: Iterable[Metered]) -> Iterator[tuple[Series, float]]:
    """RequestCountPerTarget: the requests of all proxies to a name, by the number of tasks behind it."""
    asked: dict[Series, int] = {}
    behind: dict[Series, int] = {}
    for task in tasks:
        account, region, cluster, service = task.service
        own = (("ClusterName", cluster), ("ServiceName", service))
        for side, counts in task.passed.items():
            if side.direction != EGRESS:
                continue
            for dimensions in _dimensions(side, own):
                series = Series(account, region, "RequestCountPerTarget", dimensions)
                asked[series] = asked.get(series, 0) + counts.requests
                behind[series] = max(behind.get(series, 0), counts.targets)
    yield from ((series, count / behind[series]) for series, count in asked.items() if count and behind[series])


def use(cpu_before: Mapping[str, int], used: Mapping[str, Mapping[str, int]], seconds: float, size: "Size") -> Use:
    """A task's use of its reservation.

    `cpu_before` has each container's nanoseconds at the start of the span, `used` its `cpu` (nanoseconds) and `memory`
    (bytes) now. Without a reservation, or before anything was measured twice, the share is not known.
    """
    spent = sum(counted["cpu"] - cpu_before.get(name, 0) for name, counted in used.items())
    bytes_ = sum(counted["memory"] for counted in used.values())
    cpu = spent / 1e9 / seconds / (size.cpu / 1024) * 100 if size.cpu and seconds > 0 and cpu_before else None
    memory = bytes_ / (size.memory << 20) * 100 if size.memory else None
    return Use(_rounded(cpu), _rounded(memory))


@dataclass(frozen=True)
class Size:
    """What a task reserved: CPU units and MiB, 0 where it reserved none."""

    cpu: int
    memory: int


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(max(value, 0.0), 4)
