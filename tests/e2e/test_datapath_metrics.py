"""What proxies say of themselves through the daemon: metrics for CloudWatch and Prometheus, and `moorage proxy`."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from place import Place

from moorage.runtime.supervisor.prerequisites import prerequisites

pytestmark = pytest.mark.namespaces


@pytest.fixture(scope="module")
def busy(moorage: Place) -> Place:
    """A server that has answered ten requests of a client, two of them with 404."""
    moorage.define("measured", {"name": "web", "containerPort": 5000, "appProtocol": "http"})
    moorage.define("asking")
    service = {"portName": "web", "discoveryName": "measured", "clientAliases": [{"port": 80, "dnsName": "measured.x"}]}
    moorage.serve("measured", 1, {"enabled": True, "services": [service]})
    moorage.stable("measured")
    moorage.serve("asking", 1, {"enabled": True})
    moorage.stable("asking")
    for path in ["/"] * 8 + ["/status/404"] * 2:
        moorage.through("asking", f"http://measured.x{path}")
    return moorage


def test_requests_are_counted_by_service_name_direction_and_class(busy: Place):
    answer = httpx.get(f"{busy.url}/_moorage/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    for service, direction in (
        ("asking", 'direction="egress",target_discovery_name="measured"'),
        ("measured", 'direction="ingress",discovery_name="measured"'),
    ):
        task = busy.tasks(service)[0]["taskArn"].rsplit("/", 1)[1]
        labels = f'cluster="demo",service="{service}",task="{task}"'
        assert found[f'moorage_requests_total{{{labels},{direction},response_class="2xx"}}'] == "8"
        assert found[f'moorage_requests_total{{{labels},{direction},response_class="4xx"}}'] == "2"
        assert found[f"moorage_proxy_up{{{labels}}}"] == "1"


def metric(place: Place, name: str, stat: str, **dimensions: str) -> float:
    """The statistic over the last hour, the minute under way included."""
    now = datetime.now(UTC)
    found = place.client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {
                "Id": "found",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ECS",
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    },
                    "Period": 60,
                    "Stat": stat,
                },
            }
        ],
    )
    values: list[Any] = found["MetricDataResults"][0]["Values"]
    return sum(values)


def test_cloudwatch_has_the_metrics_of_both_sides_and_keeps_them_over_a_restart(busy: Place):
    own = {"ServiceName": "measured", "ClusterName": "demo", "DiscoveryName": "measured"}
    target = {"TargetDiscoveryName": "measured"}

    def told() -> dict[str, float]:
        return {
            "inbound": metric(busy, "RequestCount", "Sum", DiscoveryName="measured"),
            "of the service": metric(busy, "RequestCount", "Sum", **own),
            "good": metric(busy, "HTTPCode_Target_2XX_Count", "Sum", **target),
            "not found": metric(busy, "HTTPCode_Target_4XX_Count", "Sum", **target),
            "of the caller": metric(
                busy, "HTTPCode_Target_2XX_Count", "Sum", ServiceName="asking", ClusterName="demo", **target
            ),
            "timed": metric(busy, "TargetResponseTime", "SampleCount", **target),
            "per target": metric(busy, "RequestCountPerTarget", "Sum", **target),
        }

    expected = {
        "inbound": 10,
        "of the service": 10,
        "good": 8,
        "not found": 2,
        "of the caller": 8,
        "timed": 10,
        "per target": 10,
    }
    assert told() == expected
    busy.kill()
    busy.start()
    busy.until(lambda: told() == expected, "the proxies answer again", within=10)


def test_memory_is_a_metric_where_the_machine_counts_it(busy: Place):
    counts = {name: verdict for name, verdict, _ in prerequisites()}["cgroups"] == "ok"
    used = metric(busy, "MemoryUtilization", "Average", ServiceName="measured", ClusterName="demo")
    assert (used > 0) == counts


def test_moorage_proxy_shows_what_the_proxy_holds_counts_and_sends_to(busy: Place):
    assert "egress/measured.x:80" in busy.run("proxy", "config", "asking").stdout
    (server,) = busy.ids("measured")
    (line,) = [
        line
        for line in busy.run("proxy", "endpoints", "asking").stdout.splitlines()
        if line.startswith("egress/measured.x:80")
    ]
    assert server in line
    assert "healthy" in line
    assert "downstream_rq_total" in busy.run("proxy", "stats", "asking").stdout
    assert json.loads(busy.run("proxy", "config", "asking", "--json").stdout)["configs"]


def test_the_log_level_of_a_running_proxy_can_be_changed(busy: Place):
    assert "[debug]" not in busy.run("logs", "--proxy", "asking").stdout
    busy.run("proxy", "log-level", "asking", "debug")
    busy.through("asking", "http://measured.x/")
    busy.until(lambda: "[debug]" in busy.run("logs", "--proxy", "asking").stdout, "the proxy says more")
    refused = busy.run("proxy", "log-level", "asking", "loud", check=False)
    assert refused.returncode != 0
    assert refused.stderr.startswith("error: the proxy of asking: 'loud' is not a log level")
