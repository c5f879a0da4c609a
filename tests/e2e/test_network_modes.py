"""Network modes besides awsvpc, with real namespaces and Envoys: host ports, Service Connect in bridge mode, none."""

import re
from typing import Any

import inside
import pytest
from exposing import exposed, exposing
from inside import Answer
from place import Place

pytestmark = pytest.mark.namespaces
PORT = {"name": "web", "containerPort": 5000, "appProtocol": "http"}


def register(moorage: Place, family: str, *containers: dict[str, Any], mode: str = "bridge") -> None:
    moorage.ecs.register_task_definition(
        family=family, networkMode=mode, cpu="256", memory="512", containerDefinitions=list(containers)
    )


def app(name: str = "app", *ports: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "probe", "portMappings": list(ports), **more}


def create(
    moorage: Place, name: str, connect: dict[str, Any] | None = None, count: int = 1, definition: str = "", **more: Any
) -> None:
    if connect is not None:
        more["serviceConnectConfiguration"] = connect
    made = {"serviceName": name, "taskDefinition": definition or name, "desiredCount": count, "launchType": "EC2"}
    moorage.ecs.create_service(cluster="demo", **made, **more)


def bindings(task: dict[str, Any]) -> dict[tuple[str, int], int]:
    """Host ports by container and container port; that of the proxy is known as `proxy`."""
    found = {}
    for container in task["containers"]:
        name = re.sub("ecs-service-connect-.*", "proxy", container["name"])
        for each in container["networkBindings"]:
            assert each["bindIP"] == "0.0.0.0"
            found[(name, each["containerPort"])] = each["hostPort"]
    return found


def from_a_task(moorage: Place, task: str, url: str) -> Answer:
    return inside.get(moorage.url, task.rsplit("/", 1)[1], url, 10)


def test_bridge_tasks_and_awsvpc_tasks_call_each_other_through_the_mesh(moorage: Place) -> None:
    register(moorage, "bridged", app("app", PORT), app("second", {"containerPort": 5000}))
    create(moorage, "bridged", exposing(exposed("web", "bridged", 80)), count=2)
    moorage.define("vpc", {"name": "vpc", "containerPort": 5000, "appProtocol": "http"})
    moorage.serve("vpc", connect=exposing(exposed("vpc", "vpc", 80)))
    moorage.stable("bridged", "vpc")
    register(moorage, "caller", app("app", {"containerPort": 5000}))
    create(moorage, "caller", {"enabled": True})
    moorage.stable("caller")
    # From bridge to bridge and to awsvpc, and from awsvpc to bridge; each alias has its own address.
    asked = {moorage.through("caller", "http://bridged/").body for _ in range(8)}
    assert asked == moorage.ids("bridged")
    assert {moorage.through("caller", "http://vpc/").body} == moorage.ids("vpc")
    assert moorage.through("vpc", "http://bridged/").body in moorage.ids("bridged")

    found = [bindings(task) for task in moorage.tasks("bridged")]
    assert all(len(each) == 3 for each in found), found
    assert len({port for each in found for port in each.values()}) == 6
    (zone,) = {task["availabilityZone"] for task in moorage.tasks("bridged")}
    (instance,) = moorage.ecs.list_attributes(
        cluster="demo", targetType="container-instance", attributeName="ecs.availability-zone"
    )["attributes"]
    assert zone == instance["value"] == "us-east-1a"
    registered = moorage.client("servicediscovery").discover_instances(NamespaceName="mesh.local", ServiceName="web")
    assert {each["Attributes"]["AvailabilityZone"] for each in registered["Instances"]} == {zone}
    proxies = {str(port) for each in found for (name, _), port in each.items() if name == "proxy"}
    assert {each["Attributes"]["AWS_INSTANCE_PORT"] for each in registered["Instances"]} == proxies

    address = registered["Instances"][0]["Attributes"]["AWS_INSTANCE_IPV4"]
    asker = moorage.tasks("vpc")[0]["taskArn"]
    for task, ports in zip(moorage.tasks("bridged"), found, strict=True):
        # A container's own host port leads past the proxy, and the one of its neighbour to another program.
        for name in ("app", "second"):
            answer = from_a_task(moorage, asker, f"http://{address}:{ports[(name, 5000)]}/headers")
            assert answer.status == 200 and "x-request-id" not in answer.body, task


def test_services_that_are_clients_of_each_other(moorage: Place) -> None:
    """Bridged and vpc, deployed above: what was deployed first learns the other's name when it is deployed again."""
    assert not moorage.resolves("bridged", "vpc")
    moorage.ecs.update_service(cluster="demo", service="bridged", forceNewDeployment=True)
    moorage.stable("bridged")
    for caller, alias in (("bridged", "vpc"), ("bridged", "bridged"), ("vpc", "bridged")):
        answer = moorage.through(caller, f"http://{alias}/")
        assert answer.body in moorage.ids(alias), (caller, alias, answer)


def test_a_rolling_deployment_of_bridge_tasks_under_load_fails_no_request(moorage: Place) -> None:
    before = moorage.ids("bridged")
    with moorage.load("caller", "http://bridged/", 8) as found:
        moorage.ecs.update_service(cluster="demo", service="bridged", forceNewDeployment=True)
        moorage.stable("bridged")
    assert found["failure"] == {}
    assert before.isdisjoint(moorage.ids("bridged"))
    # The last of them may be there a moment before the load ends, and so not have been asked.
    answered, after = set(found["server"]), moorage.ids("bridged")
    assert answered & before and answered & after and answered <= before | after


def test_a_later_name_comes_to_a_live_bridge_task_and_goes(moorage: Place) -> None:
    create(moorage, "live", {"enabled": True}, definition="caller", tags=[{"key": "moorage:names", "value": "live"}])
    moorage.stable("live")
    (task,) = moorage.ids("live")
    assert not moorage.resolves("live", "later")
    create(moorage, "later", exposing(exposed("web", "later", 80, discoveryName="later")), definition="bridged")
    moorage.until(lambda: moorage.resolves("live", "later"), "the live task knows the name")
    assert not moorage.resolves("caller", "later")
    moorage.stable("later")
    assert {moorage.through("live", "http://later/").body} == moorage.ids("later")
    moorage.ecs.delete_service(cluster="demo", service="later", force=True)
    moorage.until(lambda: not moorage.resolves("live", "later"), "the live task forgets the name")
    assert moorage.through("live", "http://bridged/").body in moorage.ids("bridged")
    assert moorage.ids("live") == {task}


def test_a_fixed_port_is_placed_once_and_again_when_it_is_free(moorage: Place) -> None:
    register(moorage, "fixed", app("app", {"containerPort": 5000, "hostPort": 8080}))
    make = {"cluster": "demo", "taskDefinition": "fixed", "launchType": "EC2"}
    made = moorage.ecs.run_task(**make, count=2)
    (task,) = made["tasks"]
    assert [failure["reason"] for failure in made["failures"]] == ["RESOURCE:PORTS"]
    running = moorage.task_in(task["taskArn"], "RUNNING")
    assert bindings(running) == {("app", 5000): 8080}
    create(moorage, "fixed")
    moorage.until(
        lambda: any("is already using a port required by your task" in e["message"] for e in events(moorage, "fixed")),
        "the service says that the port is taken",
    )
    # The daemon may die: the task keeps its port, and whoever wants it still has to wait.
    moorage.kill()
    moorage.start()
    assert bindings(moorage.task(task["taskArn"])) == {("app", 5000): 8080}
    assert moorage.ecs.run_task(**make)["failures"][0]["reason"] == "RESOURCE:PORTS"
    moorage.ecs.stop_task(cluster="demo", task=task["taskArn"])
    moorage.stable("fixed")
    assert bindings(moorage.tasks("fixed")[0]) == {("app", 5000): 8080}
    row = next(row for row in moorage.run("ps").stdout.splitlines() if "demo/fixed" in row and "8080" in row)
    assert "8080->5000" in row


def events(moorage: Place, service: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = moorage.service(service)["events"]
    return found


def test_a_task_of_network_mode_none_runs_and_is_reached_by_nobody(moorage: Place) -> None:
    register(moorage, "alone", app(), mode="none")
    made = moorage.ecs.run_task(cluster="demo", taskDefinition="alone", launchType="EC2")
    task = moorage.task_in(made["tasks"][0]["taskArn"], "RUNNING")
    assert task["containers"][0]["networkBindings"] == task["containers"][0]["networkInterfaces"] == []
    assert task["attachments"] == []
    own = {"moorage": moorage, "task": task["taskArn"], "url": "http://127.0.0.1:5000/"}
    moorage.until(lambda: from_a_task(**own).body == task["taskArn"][-32:][:12], "the program answers its own loopback")
    assert from_a_task(moorage, task["taskArn"], "http://169.254.170.2/").status == 0
