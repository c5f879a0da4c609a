"""How a task leaves: goodbye is said on every connection, what it holds may end, then SIGTERM; the proxy ends last."""

import json
import threading
from typing import Any

import httpx
import pytest
from exposing import CLIENT, ENVIRONMENT, PORTS, exposed, exposing
from place import Place
from wires import Http2, Wire, http

pytestmark = pytest.mark.namespaces

FIRE = {"http": "5000:8", "http2": "7001:2", "grpc": "7002:4", "tcp": "7000:2"}
DRAIN = "moorage:drain-seconds"


@pytest.fixture(scope="module")
def mesh(moorage: Place) -> Place:
    """`server` with two tasks and every protocol, and a `client`."""
    moorage.define("server", *PORTS, environment=ENVIRONMENT)
    moorage.define("client")
    aliases = [exposed(str(port["name"]), "server", int(str(port["containerPort"]))) for port in PORTS]
    moorage.serve("server", 2, exposing(*aliases))
    moorage.serve("client", 1, CLIENT)
    moorage.stable("server", "client")
    return moorage


def first(mesh: Place, service: str) -> tuple[str, str]:
    """The id and the address of a task that serves."""
    cloud_map = mesh.client("servicediscovery")
    serving = cloud_map.discover_instances(NamespaceName="mesh.local", ServiceName="server")["Instances"]
    addresses = {each["InstanceId"]: each["Attributes"]["AWS_INSTANCE_IPV4"] for each in serving}
    task = min(str(task["taskArn"]).rsplit("/", 1)[1] for task in mesh.tasks(service))
    return task, addresses.get(task, "")


def stop(mesh: Place, task: str) -> None:
    """StopTask, and wait until its proxy drains."""
    mesh.ecs.stop_task(cluster="demo", task=task)
    mesh.task_in(task, "STOPPING")


def both_serve(mesh: Place) -> None:
    cloud_map = mesh.client("servicediscovery")
    discover = {"NamespaceName": "mesh.local", "ServiceName": "server"}
    mesh.until(lambda: len(cloud_map.discover_instances(**discover)["Instances"]) == 2, "two tasks serve")


def records(mesh: Place, task: str) -> dict[str, dict[str, Any]]:
    """What the supervisor has noted of the containers of a task that is gone."""
    files = (mesh.data / "tasks" / "removed" / task).glob("*/container.json")
    return {record["name"]: record for record in map(json.loads, (file.read_text() for file in files))}


def test_every_protocol_is_told_goodbye_and_what_is_under_way_ends_well(mesh: Place) -> None:
    both_serve(mesh)
    (task, address), (client, _) = first(mesh, "server"), first(mesh, "client")
    kept, slow, tcp, wire = (Wire(mesh, client, address, port) for port in (5000, 5000, 7000, 7001))
    http2 = Http2(wire)
    try:
        assert tcp.until(lambda data: data.endswith(b"\n")).decode().strip() == task[:12]
        assert "connection: close" not in http(kept, "/").lower()
        assert http2.answer(http2.ask("before")) == ("200", f"{task[:12]} before")
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(http(slow, "/slow?seconds=3")))
        asking.start()
        stop(mesh, task)

        assert "connection: close" in http(kept, "/").lower()
        assert kept.until(lambda _: False) == b""
        assert http2.answer(http2.ask("after")) == ("200", f"{task[:12]} after")
        assert http2.goodbye().error_code == 0
        tcp.send(b"still here")
        assert tcp.until(lambda data: len(data) == 10) == b"still here"
        assert mesh.task(task)["lastStatus"] == "STOPPING"
        asking.join()
        assert answers[0].endswith(task[:12])
        assert "200" in answers[0].splitlines()[0]
        assert mesh.task(task)["lastStatus"] == "STOPPING"
    finally:
        for each in (kept, slow, tcp, wire):
            each.close()
    # The last connection is closed: well before the drain time of 20 s is over.
    gone = mesh.task_in(task, "STOPPED")
    assert (gone["executionStoppedAt"] - gone["stoppingAt"]).total_seconds() < 15


def test_a_proxy_starts_before_its_containers_and_ends_after_them(mesh: Place) -> None:
    gone = max(mesh.tasks("server", "STOPPED"), key=lambda task: task["stoppedAt"])
    seen = records(mesh, gone["taskArn"].rsplit("/", 1)[1])
    (proxy,) = [record for name, record in seen.items() if name != "app"]
    assert proxy["started_at"] < seen["app"]["started_at"]
    assert seen["app"]["stopped_at"] < proxy["stopped_at"]
    assert [record["exit_code"] for record in seen.values()] == [0, 0]


def test_a_stream_that_does_not_end_has_the_drain_time_of_its_service(mesh: Place) -> None:
    both_serve(mesh)
    (task, address), (client, _) = first(mesh, "server"), first(mesh, "client")
    arn = mesh.service("server")["serviceArn"]
    mesh.ecs.tag_resource(resourceArn=arn, tags=[{"key": DRAIN, "value": "4"}])
    tcp = Wire(mesh, client, address, 7000)
    try:
        tcp.until(lambda data: data.endswith(b"\n"))
        stop(mesh, task)
        waiting = httpx.get(f"{mesh.url}/_moorage/waiting").json()["tasks"]
        assert [t["reason"].partition(" until ")[0] for t in waiting if t["id"] == task] == [
            "the requests that it holds may end"
        ]
        tcp.send(b"so far")
        assert tcp.until(lambda data: len(data) == 6) == b"so far"
        assert tcp.until(lambda _: False) == b""
    finally:
        tcp.close()
    gone = mesh.task_in(task, "STOPPED")
    assert 4 <= (gone["executionStoppedAt"] - gone["stoppingAt"]).total_seconds() < 15
    mesh.ecs.untag_resource(resourceArn=arn, tagKeys=[DRAIN])


def test_a_rolling_deployment_under_every_kind_of_traffic_fails_nothing_and_cuts_no_stream(mesh: Place) -> None:
    both_serve(mesh)
    before = mesh.ids("server")
    with mesh.fire("client", "server", 2, FIRE) as found:
        mesh.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
        mesh.stable("server")
    assert found["failed"] == {}
    assert all(found["done"][kind] for kind in FIRE)
    assert before.isdisjoint(mesh.ids("server"))
