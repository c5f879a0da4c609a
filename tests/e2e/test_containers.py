"""Tasks and their containers: exits, order, health, memory, images, stopping; told in ECS's codes and reasons."""

import json
from typing import Any

import httpx
import pytest
from exposing import CLIENT, SERVER_PORT, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

WAITS = ["python3", "-c", "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); signal.pause()"]
DEAF = ["python3", "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"]
GREEDY = ["python3", "-c", "held = [bytearray(1 << 20) for _ in range(400)]"]
HEALTH = {"command": ["CMD-SHELL", "test -e /tmp/healthy"], "interval": 5, "timeout": 2, "retries": 10}


def container(name: str, command: list[str], **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "probe", "command": command, "essential": True, **more}


def ends(code: int) -> list[str]:
    return ["sh", "-c", f"exit {code}"]


def after(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


TASKS: dict[str, list[dict[str, Any]]] = {
    # The neighbour may be asked to stop before it heeds SIGTERM.
    "fails": [container("app", ends(3)), container("neighbour", WAITS, stopTimeout=2)],
    "helped": [container("app", WAITS), container("helper", ends(5), essential=False)],
    "prepared": [container("setup", ends(0), essential=False), container("app", ends(4), **after("setup", "SUCCESS"))],
    "hindered": [container("setup", ends(6), essential=False), container("app", WAITS, **after("setup", "SUCCESS"))],
    "greedy": [container("app", GREEDY, memory=64)],
    "unknown": [container("app", WAITS) | {"image": "nobody/knows:7"}],
    "deaf": [container("app", DEAF, stopTimeout=2)],
}


@pytest.fixture(scope="module")
def started(moorage: Place) -> dict[str, str]:
    """The ARN of a task of each family, all started at once."""
    for family, containers in TASKS.items():
        moorage.register(family, *containers)
    return {family: moorage.start_task(family) for family in TASKS}


def test_a_deployment_whose_tasks_end_at_once_is_not_complete_and_is_given_up(moorage: Place) -> None:
    """Nothing but its end tells that such a task is not well: it has no health check and exposes no port."""
    moorage.register("crashing", container("app", ["sh", "-c", "sleep 0.2; exit 1"]))
    breaker = {"enable": True, "rollback": False, "thresholdConfiguration": {"type": "COUNT", "value": 2}}
    moorage.serve("crashing", 1, None, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    moorage.until(lambda: state_of(moorage, "crashing") != "IN_PROGRESS", "the deployment has ended")
    (deployment,) = moorage.service("crashing")["deployments"]
    assert (deployment["rolloutState"], deployment["failedTasks"]) == ("FAILED", 2)
    assert not any("steady state" in event["message"] for event in moorage.service("crashing")["events"])


def state_of(moorage: Place, name: str) -> str:
    (deployment,) = moorage.service(name)["deployments"]
    state: str = deployment["rolloutState"]
    return state


def codes(task: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("exitCode") for each in task["containers"]}


def ended_as(task: dict[str, Any]) -> tuple[str, str]:
    return task["stopCode"], task["stoppedReason"]


def test_the_end_of_an_essential_container_ends_the_task(moorage: Place, started: dict[str, str]) -> None:
    task = moorage.task_in(started["fails"], "STOPPED")
    assert ended_as(task) == ("EssentialContainerExited", "Essential container in task exited")
    assert codes(task)["app"] == 3


def test_the_end_of_another_container_does_not(moorage: Place, started: dict[str, str]) -> None:
    arn = started["helped"]
    moorage.until(lambda: codes(moorage.task(arn))["helper"] == 5, "the helper has ended")
    task = moorage.task_in(arn, "RUNNING")
    assert {c["name"]: c["lastStatus"] for c in task["containers"]} == {"app": "RUNNING", "helper": "STOPPED"}


def test_a_task_that_is_stopped_tells_who_asked_and_why(moorage: Place, started: dict[str, str]) -> None:
    moorage.task_in(started["helped"], "RUNNING")
    moorage.ecs.stop_task(cluster="demo", task=started["helped"], reason="enough of it")
    task = moorage.task_in(started["helped"], "STOPPED")
    assert ended_as(task) == ("UserInitiated", "enough of it")
    assert codes(task)["app"] == 0


def test_a_container_waits_for_the_success_of_another(moorage: Place, started: dict[str, str]) -> None:
    task = moorage.task_in(started["prepared"], "STOPPED")
    assert codes(task) == {"setup": 0, "app": 4}


def test_a_container_whose_condition_cannot_be_met_keeps_the_task_from_starting(
    moorage: Place, started: dict[str, str]
) -> None:
    task = moorage.task_in(started["hindered"], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert "setup was to succeed and exited with code 6" in task["stoppedReason"]
    assert codes(task) == {"setup": 6, "app": None}


def test_an_unknown_image_is_told_as_ecs_does(moorage: Place, started: dict[str, str]) -> None:
    task = moorage.task_in(started["unknown"], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "nobody/knows:7" in task["stoppedReason"]
    assert "moorage image add" in task["stoppedReason"]


def test_a_container_beyond_its_memory_is_killed_with_ecs_reason(moorage: Place, started: dict[str, str]) -> None:
    checks = httpx.get(f"{moorage.url}/_moorage/checks").json()["checks"]
    (groups,) = [check for check in checks if check["name"] == "cgroups"]
    if groups["status"] != "ok":
        pytest.skip(f"limits are not enforced here: {groups['detail']}")
    task = moorage.task_in(started["greedy"], "STOPPED")
    assert codes(task) == {"app": 137}
    assert task["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_a_container_that_does_not_heed_sigterm_is_killed_after_its_stop_timeout(
    moorage: Place, started: dict[str, str]
) -> None:
    moorage.task_in(started["deaf"], "RUNNING")
    moorage.ecs.stop_task(cluster="demo", task=started["deaf"])
    task = moorage.task_in(started["deaf"], "STOPPED")
    assert codes(task) == {"app": 137}
    assert 2 <= (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds() < 10


def test_a_task_gets_traffic_when_its_health_check_passes(moorage: Place) -> None:
    moorage.define("checked", SERVER_PORT, healthCheck=HEALTH)
    moorage.define("asker")
    moorage.serve("checked", 1, exposing(exposed("server", "checked", 80)))
    moorage.serve("asker", 1, CLIENT)
    moorage.stable("asker")
    moorage.until(lambda: [t["lastStatus"] for t in moorage.tasks("checked")] == ["RUNNING"], "the task runs")
    assert moorage.tasks("checked")[0]["healthStatus"] == "UNKNOWN"
    assert moorage.through("asker", "http://checked/").status == 503
    (waits,) = [
        task["waits_for"] for task in json.loads(moorage.run("ps", "--json").stdout)["tasks"] if task["waits_for"]
    ]
    assert waits.startswith("its container health check says UNKNOWN; it gets traffic at ")
    assert moorage.service("checked")["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert moorage.ask("checked", "/healthy")
    moorage.until(lambda: moorage.through("asker", "http://checked/").status == 200, "traffic flows")
    assert moorage.tasks("checked")[0]["healthStatus"] == "HEALTHY"
    moorage.stable("checked")
