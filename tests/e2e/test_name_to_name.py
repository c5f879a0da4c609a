"""The article's story with real Envoy: names, the freeze rule, live endpoints, spreading, rolling, crashing."""

import json
import threading
from typing import Any

import pytest
from place import Place

pytestmark = pytest.mark.namespaces

URL = "http://server.mesh.local:5000/"
PORT = {"name": "server", "containerPort": 5000, "appProtocol": "http"}


def exposing(port_name: str, dns_name: str, port: int) -> dict[str, Any]:
    alias = {"port": port, "dnsName": dns_name}
    return {"enabled": True, "services": [{"portName": port_name, "clientAliases": [alias]}]}


@pytest.fixture(scope="module")
def story(moorage: Place) -> Place:
    """A server on 0.0.0.0 at its own alias port with two tasks, and a client."""
    moorage.define("server", PORT)
    moorage.define("client")
    moorage.serve("server", 2, exposing("server", "server.mesh.local", 5000))
    moorage.serve("client", 1, {"enabled": True})
    moorage.stable("server", "client")
    return moorage


def ids(story: Place, service: str = "server") -> set[str]:
    return {task["taskArn"].rsplit("/", 1)[1][:12] for task in story.tasks(service)}


def test_requests_by_name_are_spread_over_the_server_tasks(story: Place):
    found = story.load("client", URL, clients=2, seconds=1)
    assert found["failure"] == {}
    assert set(found["server"]) == ids(story)
    shares = sorted(found["server"].values())
    assert shares[0] / shares[1] > 0.8


def test_a_server_reaches_itself_by_its_own_alias(story: Place):
    status, body = story.through("server", URL)
    assert (status, body in ids(story)) == (200, True)


def test_a_name_outside_the_namespace_does_not_resolve(story: Place):
    assert story.resolves("client", "server.mesh.local")
    assert not story.resolves("client", "server")
    assert not story.resolves("client", "later.mesh.local")


def test_a_rolling_deployment_under_load_fails_no_request(story: Place):
    story.ecs.update_service(cluster="demo", service="server", desiredCount=4)
    story.stable("server")
    before = ids(story)
    story.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
    found = story.load("client", URL, clients=16, seconds=8)
    story.stable("server")
    assert found["failure"] == {}
    assert ids(story).isdisjoint(before)
    assert set(found["server"]) & before
    assert set(found["server"]) & ids(story)


def test_scaling_in_under_load_fails_no_request(story: Place):
    story.ecs.update_service(cluster="demo", service="server", desiredCount=2)
    found = story.load("client", URL, clients=16, seconds=4)
    story.stable("server")
    assert found["failure"] == {}
    assert len(ids(story)) == 2


def test_a_task_that_crashes_fails_at_most_what_it_held(story: Place):
    victim = sorted(ids(story))[0]
    killer = threading.Timer(1.0, story.ask, ("server", "/exit?code=9"))
    result = {}

    def load() -> None:
        result.update(story.load("client", URL, clients=16, seconds=4))

    loader = threading.Thread(target=load)
    loader.start()
    killer.start()
    loader.join()
    killer.join()
    assert sum(result["failure"].values()) <= 16
    story.stable("server")
    stopped = [task for task in story.tasks("server", "STOPPED") if task.get("stopCode") == "EssentialContainerExited"]
    assert [c["exitCode"] for c in stopped[0]["containers"] if c["name"] == "app"] == [9]
    assert len(ids(story)) == 2
    assert victim


def test_scaling_from_nothing_turns_503_into_200_without_touching_the_client(story: Place):
    client = ids(story, "client")
    story.ecs.update_service(cluster="demo", service="server", desiredCount=0)
    story.until(lambda: story.through("client", URL)[0] == 503, "the client gets 503")
    story.ecs.update_service(cluster="demo", service="server", desiredCount=1)
    story.until(lambda: story.through("client", URL)[0] == 200, "the client gets 200")
    assert ids(story, "client") == client


def test_a_later_name_is_unknown_until_the_client_is_deployed_again(story: Place):
    story.define("later", {**PORT, "name": "later"})
    story.serve("later", 1, exposing("later", "later.mesh.local", 80))
    story.stable("later")
    assert not story.resolves("client", "later.mesh.local")
    assert "later.mesh.local" in story.run("endpoints").stdout
    (task,) = story.tasks("client")
    story.ecs.stop_task(cluster="demo", task=task["taskArn"])
    story.until(lambda: ids(story, "client").isdisjoint({task["taskArn"].rsplit("/", 1)[1][:12]}), "replaced")
    story.stable("client")
    assert not story.resolves("client", "later.mesh.local")
    story.ecs.update_service(cluster="demo", service="client", forceNewDeployment=True)
    story.stable("client")
    assert story.resolves("client", "later.mesh.local")
    assert story.through("client", "http://later.mesh.local/")[0] == 200


def test_a_killed_daemon_breaks_no_traffic_and_its_successor_deploys(story: Place):
    before = ids(story)
    result = {}

    def load() -> None:
        result.update(story.load("client", URL, clients=8, seconds=6))

    loader = threading.Thread(target=load)
    # The load runs inside the client's task; only the tunnel that asked for it goes with the daemon.
    arn = story.tasks("client")[0]["taskArn"]
    loader.start()
    loader.join()
    assert result["failure"] == {}
    story.kill()
    story.start()
    assert ids(story) == before
    assert story.tasks("client")[0]["taskArn"] == arn
    story.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
    found = story.load("client", URL, clients=8, seconds=5)
    story.stable("server")
    assert found["failure"] == {}
    assert ids(story).isdisjoint(before)


def test_the_registry_follows_the_tasks(story: Place):
    found = story.client("servicediscovery").discover_instances(NamespaceName="mesh.local", ServiceName="server")
    addresses = {i["Attributes"]["AWS_INSTANCE_IPV4"] for i in found["Instances"]}
    details = [d for t in story.tasks("server") for a in t["attachments"] for d in a["details"]]
    assert addresses == {d["value"] for d in details if d["name"] == "privateIPv4Address"}


def test_what_describe_services_says_of_service_connect(story: Place):
    (deployment,) = story.service("server")["deployments"]
    assert deployment["serviceConnectConfiguration"]["services"][0]["portName"] == "server"
    assert deployment["serviceConnectResources"][0]["discoveryName"] == "server"
    assert json.dumps(deployment["serviceConnectConfiguration"])
