"""The article's story with real Envoy: names, the freeze rule, live endpoints, spreading."""

import pytest
from exposing import CLIENT, SERVER_PORT, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

URL = "http://server.mesh.local:5000/"


@pytest.fixture(scope="module")
def story(moorage: Place) -> Place:
    """A server on 0.0.0.0 at its own alias port with two tasks, and a client."""
    moorage.define("server", SERVER_PORT)
    moorage.define("client")
    moorage.serve("server", 2, exposing(exposed("server", "server.mesh.local", 5000)))
    moorage.serve("client", 1, CLIENT)
    moorage.stable("server", "client")
    return moorage


def test_requests_by_name_are_spread_over_the_server_tasks(story: Place) -> None:
    with story.load("client", URL, clients=2) as found:
        pass
    assert found["failure"] == {}
    assert set(found["server"]) == story.ids("server")
    shares = sorted(found["server"].values())
    assert shares[0] / shares[1] > 0.8


def test_a_server_reaches_itself_by_its_own_alias(story: Place) -> None:
    answer = story.through("server", URL)
    assert answer.status == 200
    assert answer.body in story.ids("server")


def test_a_name_outside_the_namespace_does_not_resolve(story: Place) -> None:
    assert story.resolves("client", "server.mesh.local")
    assert not story.resolves("client", "server")
    assert not story.resolves("client", "later.mesh.local")


def test_the_registry_follows_the_tasks(story: Place) -> None:
    found = story.client("servicediscovery").discover_instances(NamespaceName="mesh.local", ServiceName="server")
    addresses = {i["Attributes"]["AWS_INSTANCE_IPV4"] for i in found["Instances"]}
    details = [d for t in story.tasks("server") for a in t["attachments"] for d in a["details"]]
    assert addresses == {d["value"] for d in details if d["name"] == "privateIPv4Address"}


def test_describe_services_tells_service_connect_by_deployment(story: Place) -> None:
    (deployment,) = story.service("server")["deployments"]
    (service,) = deployment["serviceConnectConfiguration"]["services"]
    assert service["clientAliases"] == [{"port": 5000, "dnsName": "server.mesh.local"}]
    assert deployment["serviceConnectResources"][0]["discoveryName"] == "server"


def test_scaling_from_nothing_turns_503_into_200_without_touching_the_client(story: Place) -> None:
    client = story.ids("client")
    story.ecs.update_service(cluster="demo", service="server", desiredCount=0)
    story.until(lambda: story.through("client", URL).status == 503, "the client gets 503")
    story.ecs.update_service(cluster="demo", service="server", desiredCount=1)
    story.until(lambda: story.through("client", URL).status == 200, "the client gets 200")
    assert story.ids("client") == client


def test_a_later_name_is_unknown_until_the_client_is_deployed_again(story: Place) -> None:
    story.define("later", {**SERVER_PORT, "name": "later"})
    story.serve("later", 1, exposing(exposed("later", "later.mesh.local", 80)))
    story.stable("later")
    assert not story.resolves("client", "later.mesh.local")
    assert "demo/client" in story.run("endpoints").stdout
    (task,) = story.tasks("client")
    story.ecs.stop_task(cluster="demo", task=task["taskArn"])
    story.until(lambda: task["taskArn"] not in {t["taskArn"] for t in story.tasks("client")}, "the task is gone")
    story.stable("client")
    assert not story.resolves("client", "later.mesh.local")
    story.ecs.update_service(cluster="demo", service="client", forceNewDeployment=True)
    story.stable("client")
    assert story.resolves("client", "later.mesh.local")
    assert story.through("client", "http://later.mesh.local/").status == 200
