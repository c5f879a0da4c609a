"""Envoy's statistics become the counts of a side; what belongs to no side is left out."""

import json
from typing import Any

from moorage.domain.traffic import EGRESS, INGRESS, Counts, Side
from moorage.mesh import counted

OUT, IN, TCP = Side(EGRESS, "api", "http"), Side(INGRESS, "web", "http"), Side(EGRESS, "db", "tcp")
SIDES = {"egress/a~b~80": OUT, "ingress-web": IN, "ingress/web": IN, "egress/db~1": TCP}


def read(*histograms: dict[str, Any], **numbers: int) -> dict[Side, Counts]:
    stats: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in numbers.items()]
    return counted.read(json.dumps({"stats": [*stats, {"histograms": {"details": histograms}}]}), SIDES)


def test_requests_connections_and_bytes_are_those_of_who_connected() -> None:
    numbers = {
        "http.ingress-web.downstream_rq_2xx": 3,
        "http.ingress-web.downstream_rq_5xx": 1,
        "http.ingress-web.downstream_rq_completed": 4,
        "http.ingress-web.downstream_cx_total": 2,
        "http.ingress-web.downstream_cx_rx_bytes_total": 10,
        "http.ingress-web.downstream_cx_tx_bytes_total": 20,
        "listener.ingress-web.downstream_cx_active": 1,
    }
    assert read(**numbers) == {IN: Counts({"2xx": 3, "5xx": 1}, 4, 2, active=1, received=10, sent=20)}


def test_tcp_is_counted_by_its_own_filter_and_by_what_it_opened() -> None:
    numbers = {
        "tcp.egress/db~1.downstream_cx_total": 2,
        "tcp.egress/db~1.downstream_cx_rx_bytes_total": 5,
        "tcp.egress/db~1.downstream_cx_tx_bytes_total": 6,
        "cluster.egress/db~1.upstream_cx_active": 1,
        "cluster.egress/db~1.membership_healthy": 3,
    }
    assert read(**numbers) == {TCP: Counts({}, connections=2, active=1, received=5, sent=6, targets=3)}


def test_durations_are_whole_milliseconds_below_100_and_the_middle_of_a_bin_above() -> None:
    bins = [
        {"lower_bound": 0, "width": 0, "count": 1},
        {"lower_bound": 4, "width": 0.1, "count": 2},
        {"lower_bound": 40, "width": 1, "count": 3},
        {"lower_bound": 160, "width": 10, "count": 4},
    ]
    found = read({"name": "cluster.egress/a~b~80.upstream_rq_time", "totals": bins, "intervals": []})
    assert found[OUT].durations == ((0.0, 1), (4.0, 2), (40.0, 3), (165.0, 4))


def test_failed_handshakes_of_every_kind_count() -> None:
    numbers = {"cluster.egress/a~b~80.ssl.connection_error": 1, "cluster.egress/a~b~80.ssl.fail_verify_san": 2}
    assert read(**numbers)[OUT].tls_errors == 3


def test_what_belongs_to_no_side_is_left_out() -> None:
    assert read(**{"http.admin.downstream_rq_2xx": 1, "cluster.egress/gone~80.membership_healthy": 1}) == {}
