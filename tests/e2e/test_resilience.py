"""What the mesh outlives: proxies that die or hang, a daemon that is away while a task dies, a supervisor's end."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from exposing import CLIENT, ENVIRONMENT, PORTS, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

URL = "http://server.mesh.local:5000/"
CLIENTS = 4
FIRE = {"http": "5000:8", "http2": "7001:2", "grpc": "7002:6", "tcp": "7000:6"}


@pytest.fixture(scope="module")
def mesh(moorage: Place) -> Place:
    """`server` with three tasks and every protocol, a `client`, and a `bystander` that has nothing to do."""
    moorage.define("server", *PORTS, environment=ENVIRONMENT)
    moorage.define("client")
    aliases = [exposed(str(port["name"]), "server.mesh.local", int(str(port["containerPort"]))) for port in PORTS]
    moorage.serve("server", 3, exposing(*aliases))
    moorage.serve("client", 1, CLIENT)
    moorage.serve("bystander", 1, CLIENT, taskDefinition="client")
    moorage.stable("server", "client", "bystander")
    return moorage


def task_of(mesh: Place, service: str) -> str:
    """The id of a task of the service, the same each time while the tasks are."""
    return min(str(task["taskArn"]).rsplit("/", 1)[1] for task in mesh.tasks(service))


def proxy_of(mesh: Place, task: str) -> str:
    names = [container["name"] for container in mesh.task(task)["containers"]]
    return str(next(name for name in names if name.startswith("ecs-service-connect-")))


def process(mesh: Place, task: str, container: str) -> int:
    """The process of a container, as the supervisor has noted it."""
    file: Path = mesh.data / "tasks" / "tasks" / task / container / "container.json"
    return int(json.loads(file.read_text())["pid"])


def events(mesh: Place, service: str) -> list[str]:
    return [event["message"] for event in mesh.service(service)["events"]]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process hangs while this is entered."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill_proxy(mesh: Place, task: str) -> int:
    """SIGKILL the task's proxy; the process that it was."""
    proxy = proxy_of(mesh, task)
    pid = process(mesh, task, proxy)
    httpx.post(f"{mesh.url}/_moorage/tasks/{task}/kill", params={"container": proxy}).raise_for_status()
    return pid


def serves_again(mesh: Place, task: str, former: int) -> bool:
    if process(mesh, task, proxy_of(mesh, task)) == former:
        return False
    told: dict[str, Any] = httpx.get(f"{mesh.url}/_moorage/mesh/{task}").json()
    return bool(told["connected"] and told["inPlace"]) and mesh.through("client", URL).body in mesh.ids("server")


def test_a_proxy_that_dies_is_started_again_three_times_and_then_its_task_is_replaced(mesh: Place) -> None:
    task, before = task_of(mesh, "server"), mesh.ids("server")
    with mesh.load("client", URL, CLIENTS) as found:
        for turn in (1, 2, 3):
            former = kill_proxy(mesh, task)
            mesh.until(lambda former=former: serves_again(mesh, task, former), "the proxy serves again")
            told = f"(task {task}) has a Service Connect proxy that exited with code 137 and was started again ({turn}"
            mesh.until(lambda told=told: any(told in message for message in events(mesh, "server")), told)
        assert mesh.ids("server") == before
    # Only what the proxy held when it died: nobody knows whether the program has seen it, so nobody asks again.
    assert sum(found["failure"].values()) <= 3 * CLIENTS
    kill_proxy(mesh, task)
    assert mesh.task_in(task, "STOPPED")["stopCode"] == "EssentialContainerExited"
    mesh.stable("server")
    assert len(before & mesh.ids("server")) == 2


def test_a_proxy_that_hangs_is_named_and_keeps_no_deployment_of_others_from_its_end(mesh: Place) -> None:
    before = mesh.ids("server")
    bystander = task_of(mesh, "bystander")
    with stopped(process(mesh, bystander, proxy_of(mesh, bystander))):
        with mesh.load("client", URL, CLIENTS) as found:
            mesh.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
            mesh.stable("server")
        late = f"waits: the proxy of (task {bystander}) has not let go of it"
        assert any(late in message for message in events(mesh, "server"))
        lines = json.loads(mesh.run("check", "--json", check=False).stdout)
        assert [line["name"] for line in lines if "it has not answered the daemon for" in line["detail"]] == [
            f"proxy of {bystander[:8]}"
        ]
    assert found["failure"] == {}
    assert before.isdisjoint(mesh.ids("server"))
    mesh.until(lambda: mesh.through("bystander", URL).body in mesh.ids("server"), "it takes up what it has missed")
    told = httpx.get(f"{mesh.url}/_moorage/mesh/{bystander}").json()
    assert told["silentSeconds"] == 0


def test_connections_outlive_the_daemon_and_a_task_that_died_meanwhile_is_replaced(mesh: Place) -> None:
    victim, before = task_of(mesh, "server"), mesh.ids("server")
    with mesh.fire("client", "server.mesh.local", 60, FIRE) as found:
        mesh.kill()
        os.kill(process(mesh, victim, "app"), signal.SIGKILL)
        mesh.start()
        mesh.until(lambda: victim[:12] not in mesh.ids("server"), "the loss is noticed")
        mesh.stable("server")
        assert len(before & mesh.ids("server")) == 2
        for name in mesh.ids("server"):
            mesh.until(lambda name=name: mesh.through("client", URL).body == name, f"{name} gets requests")
    # Streams at the task that died were cut with it, and its proxy accepted others before it was known to be gone.
    assert [why for why in found["failed"] if victim[:12] not in why and "at nobody" not in why] == []


def test_the_end_of_the_supervisor_ends_its_tasks_and_they_are_started_again(mesh: Place) -> None:
    before, app = mesh.ids("server"), process(mesh, task_of(mesh, "server"), "app")
    supervisor = int(Path(f"/proc/{app}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    mesh.until(lambda: before.isdisjoint(mesh.ids("server")), "its tasks are gone")
    mesh.stable("server", "client", "bystander")
    mesh.until(lambda: mesh.through("client", URL).body in mesh.ids("server"), "they serve")
    stopped = mesh.tasks("server", "STOPPED")
    assert any("supervisor of the task ended" in str(c.get("reason")) for t in stopped for c in t["containers"])
