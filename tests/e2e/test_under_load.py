"""What goes on while requests do: deployments, scaling in, tasks that crash or are killed, a daemon that is killed."""

import time
from typing import Any

import httpx
import pytest
from exposing import CLIENT, SERVER_PORT, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

URL = "http://server.mesh.local:5000/"
CLIENTS = 16
EMPTY_REPLY = 52
"""curl's exit code for a server that closes without an answer."""


@pytest.fixture(scope="module")
def story(moorage: Place) -> Place:
    moorage.define("server", SERVER_PORT)
    moorage.define("client")
    moorage.serve("server", 4, exposing(exposed("server", "server.mesh.local", 5000)))
    moorage.serve("client", 1, CLIENT)
    moorage.stable("server", "client")
    return moorage


def exit_codes(story: Place) -> list[Any]:
    """How the server's tasks that ended of themselves did so."""
    stopped = [task for task in story.tasks("server", "STOPPED") if task["stopCode"] == "EssentialContainerExited"]
    return sorted(c.get("exitCode") for task in stopped for c in task["containers"] if c["name"] == "app")


def test_a_rolling_deployment_under_load_fails_no_request(story: Place) -> None:
    before = story.ids("server")
    with story.load("client", URL, CLIENTS) as found:
        story.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
        story.stable("server")
    after = story.ids("server")
    assert found["failure"] == {}
    assert before.isdisjoint(after)
    assert before | after == set(found["server"])


def test_scaling_in_under_load_fails_no_request(story: Place) -> None:
    with story.load("client", URL, CLIENTS) as found:
        story.ecs.update_service(cluster="demo", service="server", desiredCount=2)
        story.stable("server")
        story.until(lambda: len(story.ids("server")) == 2, "two tasks are left")
    assert found["failure"] == {}


def both_serve(story: Place) -> set[str]:
    """The server's two tasks, once both are in the registry."""
    cloud_map = story.client("servicediscovery")

    def registered() -> int:
        return len(cloud_map.discover_instances(NamespaceName="mesh.local", ServiceName="server")["Instances"])

    story.until(lambda: registered() == 2, "both tasks are registered")
    return story.ids("server")


def test_a_task_that_ends_under_load_is_replaced_and_fails_nothing(story: Place) -> None:
    before = both_serve(story)
    with story.load("client", URL, CLIENTS) as found:
        asked = story.run("curl", "demo/server", "http://127.0.0.1:5000/exit?code=9", check=False)
        story.until(lambda: story.ids("server") != before, "the task is gone")
        story.stable("server")
    assert (asked.returncode, asked.stderr.count("\n")) == (EMPTY_REPLY, 1)
    assert found["failure"] == {}
    assert exit_codes(story) == [9]
    assert len(before & story.ids("server")) == 1


def test_a_task_that_is_killed_under_load_is_replaced_and_fails_nothing(story: Place) -> None:
    before = both_serve(story)
    with story.load("client", URL, CLIENTS) as found:
        killed = httpx.post(f"{story.url}/_moorage/tasks/{min(before)}/kill")
        assert killed.json()["signal"] == "SIGKILL"
        story.until(lambda: min(before) not in story.ids("server"), "the task is gone")
        story.stable("server")
    assert found["failure"] == {}
    assert exit_codes(story) == [9, 137]
    assert len(before & story.ids("server")) == 1


def test_a_daemon_that_is_killed_under_load_breaks_nothing_and_its_successor_deploys(story: Place) -> None:
    before = story.ids("server")
    with story.load("client", URL, CLIENTS) as found:
        killed = time.monotonic()
        story.kill()
        story.start()
        away = time.monotonic() - killed
        assert story.ids("server") == before
        story.flowing("client")
        story.ecs.update_service(cluster="demo", service="server", forceNewDeployment=True)
        story.stable("server")
    assert found["failure"] == {}
    assert found["longest_silence"] < away
    assert before.isdisjoint(story.ids("server"))
    assert set(found["server"]) == before | story.ids("server")
