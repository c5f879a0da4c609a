"""What counts as in flight, and a proxy that does not answer."""

from pathlib import Path

from moorage.xds.admin import Admin, count


def test_requests_count_and_idle_connections_do_not() -> None:
    stats = {"http.ingress-web.downstream_rq_active": 2, "listener.ingress-web.downstream_cx_active": 7}
    assert count(stats) == 2


def test_tcp_connections_count_with_what_they_still_have_to_hand_over() -> None:
    stats = {"tcp.ingress-db.upstream_flush_active": 1, "listener.ingress-db.downstream_cx_active": 3}
    assert count(stats) == 4


def test_a_proxy_that_exposes_nothing_has_nothing_in_flight() -> None:
    assert count({}) == 0


async def test_a_proxy_that_does_not_answer_is_not_live_and_unknown(tmp_path: Path) -> None:
    admin = Admin(tmp_path / "admin.sock")
    assert await admin.answers() is False
    assert await admin.live() is False
    assert await admin.drain() is False
    assert await admin.in_flight() is None
