"""The Prometheus text: names, labels, escaping, and buckets that no request is missing from."""

from types import SimpleNamespace
from typing import Any

from moorage.domain.traffic import EGRESS, INGRESS, Counts, Reading, Side
from moorage.engine.exposition import BOUNDS, DURATIONS, exposition
from moorage.engine.metrics import Heard


def heard(reading: Reading | None) -> Heard:
    of: Any = SimpleNamespace(task=SimpleNamespace(id="t1", cluster="demo"), deployment=SimpleNamespace(service="shop"))
    return Heard(of, reading)


def lines(reading: Reading | None) -> dict[str, str]:
    text = exposition([heard(reading)])
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_a_series_names_its_task_its_side_and_the_class() -> None:
    found = lines({Side(EGRESS, 'na"me', "http"): Counts({"5xx": 7})})
    labels = 'cluster="demo",service="shop",task="t1",direction="egress",target_discovery_name="na\\"me"'
    assert found[f'moorage_requests_total{{{labels},response_class="5xx"}}'] == "7"
    assert found['moorage_proxy_up{cluster="demo",service="shop",task="t1"}'] == "1"


def test_buckets_are_cumulative_and_hold_every_request() -> None:
    durations = ((0.0, 1), (5.0, 2), (6.0, 1), (165.0, 3), (90_000.0, 1))
    found = lines({Side(INGRESS, "api", "http"): Counts({}, durations=durations)})
    labels = 'cluster="demo",service="shop",task="t1",direction="ingress",discovery_name="api"'
    counts = [int(found[f'{DURATIONS}_bucket{{{labels},le="{bound}"}}']) for bound in BOUNDS]
    expected = [sum(count for value, count in durations if value <= bound) for bound in BOUNDS]
    assert counts == expected
    assert found[f'{DURATIONS}_bucket{{{labels},le="+Inf"}}'] == found[f"{DURATIONS}_count{{{labels}}}"] == "8"
    assert float(found[f"{DURATIONS}_sum{{{labels}}}"]) == 90_511


def test_a_proxy_that_does_not_answer_is_down_and_says_nothing_else() -> None:
    assert lines(None) == {'moorage_proxy_up{cluster="demo",service="shop",task="t1"}': "0"}
