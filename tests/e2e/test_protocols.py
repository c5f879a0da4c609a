"""One task that exposes several ports: TCP, HTTP/2 and gRPC by Service Connect names; time-outs, retries, overrides."""

import json
import time

import pytest
from exposing import CLIENT, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

HTTP = {"name": "http", "containerPort": 5000, "appProtocol": "http"}
OTHERS = [
    {"name": "tcp", "containerPort": 7000},
    {"name": "http2", "containerPort": 7001, "appProtocol": "http2"},
    {"name": "grpc", "containerPort": 7002, "appProtocol": "grpc"},
]
ENVIRONMENT = [{"name": "TCP_PORT", "value": "7000"}, {"name": "H2_PORTS", "value": "7001,7002"}]


@pytest.fixture(scope="module")
def wired(moorage: Place) -> Place:
    """`wire` with two tasks and four ports, three behind one name; `patient` and `hasty` with one task; a client."""
    moorage.define("wire", HTTP, *OTHERS, environment=ENVIRONMENT)
    moorage.define("hasty", HTTP)
    moorage.define("client")
    aliases = [exposed("http", "web", 80), *(exposed(p["name"], "wire", p["containerPort"]) for p in OTHERS)]
    moorage.serve("wire", 2, exposing(*aliases))
    moorage.serve(
        "hasty",
        1,
        exposing(exposed("http", "hasty", 80, timeout={"perRequestTimeoutSeconds": 1}, discoveryName="hasty")),
    )
    overridden = exposed("http", "other", 80, ingressPortOverride=8080, discoveryName="other")
    moorage.serve("other", 1, exposing(overridden), taskDefinition="hasty")
    moorage.serve("client", 1, CLIENT)
    moorage.stable("wire", "hasty", "other", "client")
    return moorage


def test_tcp_connections_are_spread_and_echoed(wired: Place) -> None:
    found = wired.ask("client", "/tcp", host="wire", port=7000, text="ahoy", times=10)
    assert set(found["servers"]) == wired.ids("wire")


@pytest.mark.parametrize(("protocol", "port", "status"), [("http2", 7001, "200"), ("grpc", 7002, "0")])
def test_requests_over_one_connection_are_spread_and_echoed(
    wired: Place, protocol: str, port: int, status: str
) -> None:
    found = wired.ask("client", f"/{protocol}", host="wire", port=port, text="ahoy there", times=10)
    assert found["echoed"]
    assert found["statuses"] == {status: 10}
    assert set(found["servers"]) == wired.ids("wire")


def test_each_port_of_a_task_has_its_own_name_and_a_name_may_have_several_ports(wired: Place) -> None:
    assert wired.through("client", "http://web/").body in wired.ids("wire")
    (wire,) = wired.ask("client", "/resolve", name="wire")["addresses"]
    (web,) = wired.ask("client", "/resolve", name="web")["addresses"]
    assert wire.startswith("127.255.")
    assert wire != web
    assert wired.through("client", "http://web:7001/").status == 0


def test_envoy_holds_the_documented_times_of_each_protocol(wired: Place) -> None:
    """Reference 2.5: 15 s for a request and 300 s idle, TCP 3,600 s idle; what a service sets is in their place."""
    told = json.loads(wired.run("proxy", "config", "client", "--json").stdout)["configs"]
    routes = [each["route_config"] for part in told for each in part.get("dynamic_route_configs", [])]
    actions = {each["name"]: each["virtual_hosts"][0]["routes"][0]["route"] for each in routes}
    assert {name: (action["timeout"], action["idle_timeout"]) for name, action in actions.items()} == {
        "egress/web:80": ("15s", "300s"),
        "egress/wire:7001": ("15s", "300s"),
        "egress/wire:7002": ("15s", "300s"),
        "egress/hasty:80": ("1s", "300s"),
        "egress/other:80": ("15s", "300s"),
    }
    listeners = [each["active_state"]["listener"] for part in told for each in part.get("dynamic_listeners", [])]
    (tcp,) = [chain for each in listeners for chain in each["filter_chains"] if chain["name"] == "egress/wire:7000"]
    assert tcp["filters"][0]["typed_config"]["idle_timeout"] == "3600s"


def test_a_request_beyond_its_time_out_is_answered_504(wired: Place) -> None:
    started = time.monotonic()
    assert wired.through("client", "http://hasty/slow?seconds=8").status == 504
    assert 1 <= time.monotonic() - started < 7
    assert wired.through("client", "http://web/slow?seconds=1.5").status == 200


def test_a_503_is_tried_again(wired: Place) -> None:
    answer = wired.through("client", "http://hasty/flaky")
    assert (answer.status, answer.body) == (200, "2")


def test_an_error_of_the_application_is_passed_on(wired: Place) -> None:
    assert wired.through("client", "http://web/status/500").status == 500
    assert wired.through("client", "http://web/status/404").status == 404


def test_the_headers_that_a_proxy_adds_reach_the_server(wired: Place) -> None:
    headers = json.loads(wired.through("client", "http://web/headers").body)
    assert headers["x-envoy-expected-rq-timeout-ms"] == "15000"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-request-id"]


def test_an_overridden_ingress_port_is_the_proxys_and_the_container_port_goes_past_it(wired: Place) -> None:
    assert wired.through("client", "http://other/").body in wired.ids("other")
    address = wired.task(wired.tasks("other")[0]["taskArn"])["attachments"][0]["details"]
    (ip,) = [detail["value"] for detail in address if detail["name"] == "privateIPv4Address"]
    assert "x-request-id" in json.loads(wired.through("client", f"http://{ip}:8080/headers").body)
    assert "x-request-id" not in json.loads(wired.through("client", f"http://{ip}:5000/headers").body)
    found = wired.client("servicediscovery").discover_instances(NamespaceName="mesh.local", ServiceName="other")
    assert [i["Attributes"]["AWS_INSTANCE_PORT"] for i in found["Instances"]] == ["8080"]


def test_the_container_port_of_an_exposed_port_goes_through_the_proxy(wired: Place) -> None:
    (task, *_) = wired.tasks("wire")
    details = task["attachments"][0]["details"]
    (ip,) = [detail["value"] for detail in details if detail["name"] == "privateIPv4Address"]
    assert "x-request-id" in json.loads(wired.through("client", f"http://{ip}:5000/headers").body)
