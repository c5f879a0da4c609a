"""What the statistics of a proxy mean: from Envoy's names and JSON to the counts of each of its sides.

Only what is listed here is asked of a proxy. Envoy groups durations in bins of two significant digits: below 100 ms
each is a whole millisecond, above it a bin counts as its middle.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from moorage.domain.connect import ConnectConfiguration
from moorage.domain.service import Deployment
from moorage.domain.traffic import EGRESS, INGRESS, Counts, Durations, Side
from moorage.mesh import names

FILTER: Final = (
    r"^(http\.(egress/|ingress-)[^.]*\.downstream_(rq_[1-5]xx|rq_completed|cx_(total|[rt]x_bytes_total))"
    r"|tcp\.(egress/|ingress-)[^.]*\.downstream_cx_(total|[rt]x_bytes_total)"
    r"|listener\.ingress-[^.]*\.(downstream_cx_active|ssl\.connection_error)"
    r"|http\.egress/[^.]*\.downstream_cx_active"
    r"|cluster\.egress/[^.]*\.(membership_healthy|upstream_cx_active|ssl\.(connection_error|fail_verify_\w+))"
    r"|cluster\.(egress/|ingress/)[^.]*\.upstream_rq_time)$"
)
"""The statistics that are read, as the regular expression that Envoy filters by."""

Document = Mapping[str, Any]
_DECODER: Final = msgspec.json.Decoder()


def sides(deployment: Deployment, protocols: Mapping[str, str]) -> dict[str, Side]:
    """The sides of a proxy of the deployment, by the prefix that Envoy counts them under.

    `protocols` are those of the deployment's own ports, by port name.
    """
    found: dict[str, Side] = {}
    for known in deployment.known:
        of = known.endpoint
        found[names.statistics(of.alias, of.alias_port)] = Side(EGRESS, of.discovery_name, of.protocol)
    for port in ConnectConfiguration.read(deployment.connect).exposed:
        side = Side(INGRESS, port.discovery_name, protocols.get(port.port_name, "tcp"))
        found[f"ingress-{port.port_name}"] = found[f"ingress/{port.port_name}"] = side
    return found


def read(text: str, by_prefix: Mapping[str, Side]) -> dict[Side, Counts]:
    """What Envoy's answer (`/stats?format=json&histogram_buckets=detailed`) says of each side that it has counted."""
    numbers: dict[Side, dict[str, int]] = {}
    durations: dict[Side, Durations] = {}
    for entry in _DECODER.decode(text)["stats"]:
        if "histograms" in entry:
            durations = _durations(entry["histograms"], by_prefix)
            continue
        scope, _, rest = entry["name"].partition(".")
        prefix, _, statistic = rest.partition(".")
        side = by_prefix.get(prefix)
        if side is not None:
            held = numbers.setdefault(side, {})
            key = f"{scope}.{statistic}"
            held[key] = held.get(key, 0) + entry["value"]
    return {
        side: _counts(side, numbers.get(side, {}), durations.get(side, ()))
        for side in sorted(numbers.keys() | durations.keys())
    }


def _counts(side: Side, held: Mapping[str, int], durations: Durations) -> Counts:
    carrier = "tcp" if side.protocol == "tcp" else "http"

    def of(name: str) -> int:
        return held.get(f"{carrier}.downstream_{name}", 0)

    errors = sum(count for name, count in held.items() if ".ssl." in name)
    return Counts(
        responses={f"{first}xx": of(f"rq_{first}xx") for first in "12345" if of(f"rq_{first}xx")},
        requests=of("rq_completed"),
        connections=of("cx_total"),
        active=_active(side, held),
        received=of("cx_rx_bytes_total"),
        sent=of("cx_tx_bytes_total"),
        durations=durations,
        targets=held.get("cluster.membership_healthy", 0),
        tls_errors=errors,
    )


def _active(side: Side, held: Mapping[str, int]) -> int:
    """Open connections of who connected. Envoy counts those of TCP to a name only by what it opened for them."""
    if side.direction == INGRESS:
        return held.get("listener.downstream_cx_active", 0)
    return held.get("cluster.upstream_cx_active" if side.protocol == "tcp" else "http.downstream_cx_active", 0)


def _durations(histograms: Document, by_prefix: Mapping[str, Side]) -> dict[Side, Durations]:
    found: dict[Side, dict[float, int]] = {}
    for each in histograms.get("details", ()):
        side = by_prefix.get(each["name"].split(".")[1])
        if side is not None:
            held = found.setdefault(side, {})
            for part in each["totals"]:
                held[_value(part)] = held.get(_value(part), 0) + part["count"]
    return {side: tuple(sorted(held.items())) for side, held in found.items()}


def _value(part: Document) -> float:
    lower, width = part["lower_bound"], part["width"]
    return float(lower) if width <= 1 else float(lower + width / 2)
