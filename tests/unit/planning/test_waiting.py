"""What a task waits for is said in words, told as an event when it takes long, and told once."""

from datetime import timedelta

import pytest

from lives import Life
from moorage.domain.task import Status
from moorage.planning.actions import Health
from moorage.planning.notices import Notices, notices
from worlds import NOON, definition, exposing, service

CHECK = {"command": ["CMD", "true"], "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 0}


def meshed(**more: object) -> Life:
    _, deployment = exposing(service())
    return Life(definition(**more), deployment)


def app(**more: object) -> dict[str, object]:
    mapping = {"name": "http", "containerPort": 5000, "appProtocol": "http"}
    return {"name": "app", "image": "app", "essential": True, "portMappings": [mapping], **more}


def test_a_proxy_that_is_not_ready_and_what_it_refused() -> None:
    life = meshed()
    life.proxy_ready = False
    life.settle()
    name = life.proxy.container if life.proxy else ""
    assert life.state.waiting == f"its Service Connect proxy {name} is not ready yet"
    life.refused = ("Cluster web: no such thing",)
    life.settle()
    assert life.state.waiting.endswith("is not ready yet: it refused Cluster web: no such thing")
    assert life.state.refused == ("Cluster web: no such thing",)
    life.proxy_ready, life.refused = True, ()
    life.settle()
    assert (life.state.waiting, life.state.waiting_since, life.state.refused) == ("", None, ())


def test_a_container_that_depends_on_another() -> None:
    needs = [{"containerName": "app", "condition": "HEALTHY"}]
    second = {"name": "second", "image": "second", "essential": True, "dependsOn": needs}
    life = Life(definition(containers=[app(healthCheck=CHECK), second]))
    life.settle()
    assert life.state.waiting == "container second waits until app is HEALTHY"


def test_a_program_that_does_not_listen() -> None:
    life = meshed()
    life.listening = frozenset()
    life.settle()
    assert life.state.waiting == "nothing of it listens on port 5000 yet; it gets traffic at 12:01:00 UTC at the latest"
    life.listening = frozenset({5000})
    life.settle()
    assert life.state.waiting == ""


@pytest.mark.parametrize(("says", "until"), [("UNKNOWN", "12:00:21"), ("UNHEALTHY", "12:08:00")])
def test_a_health_check_that_does_not_say_healthy(says: str, until: str) -> None:
    life = Life(definition(containers=[app(healthCheck=CHECK)]))
    life.settle()
    life.say_health("app", Health(says))
    life.settle()
    assert life.state.waiting == f"its container health check says {says}; it gets traffic at {until} UTC at the latest"
    since = life.state.waiting_since
    life.pass_time(5)
    assert life.state.waiting_since == since


def test_neighbours_that_are_late_are_named_and_those_that_are_prompt_are_not() -> None:
    life = meshed()
    life.settle()
    life.holding = frozenset({"slow"})
    life.ask_to_stop()
    assert (life.status, life.state.waiting) == (Status.DEACTIVATING, "")
    life.pass_time(1)
    expected = "the proxy of (task slow) has not let go of it; that is waited for until 12:00:05 UTC"
    assert life.state.waiting == expected


def test_requests_that_may_end() -> None:
    life = meshed()
    life.settle()
    life.in_flight = 2
    life.ask_to_stop()
    life.pass_time(1)
    assert life.status is Status.STOPPING
    assert life.state.waiting == "the requests that it holds may end until 12:00:21 UTC"
    life.in_flight = 0
    life.pass_time(1)
    assert life.state.waiting == ""


def test_what_takes_long_is_told_once() -> None:
    life = meshed()
    life.listening = frozenset()
    life.settle()
    assert notices([life.state], (), NOON) == Notices(wake=timedelta(seconds=10))
    late = NOON + timedelta(seconds=10)
    (message,) = notices([life.state], (), late).messages
    assert message.startswith(
        f"(task {life.task.id}) waits: nothing of it listens on port 5000 yet; it gets traffic at "
    )
    assert notices([life.state], {message}, late) == Notices()


def test_restarts_and_refusals_are_told_at_once() -> None:
    life = meshed()
    life.settle()
    life.exit(life.proxy.container if life.proxy else "", 139)
    life.refused = ("Listener ingress-http: taken",)
    life.settle()
    assert notices([life.state], (), NOON).messages == (
        f"(task {life.task.id}) has a Service Connect proxy that refused Listener ingress-http: taken.",
        f"(task {life.task.id}) has a Service Connect proxy that exited with code 139 and was started again (1 of 3).",
    )
