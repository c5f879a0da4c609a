"""The life of one task, step by step."""

from datetime import timedelta

import pytest

from lives import Life
from moorage.domain.task import TRANSITIONS, Status, StopCode
from moorage.planning import containers, dependencies, failures
from moorage.planning.actions import Health
from moorage.planning.situation import Forget, Patience
from worlds import definition, deployment, exposing, rollout, service


def container(name: str, *needs: tuple[str, str], **more: object) -> dict:
    depends = [{"containerName": other, "condition": condition} for other, condition in needs]
    return {"name": name, "image": name, "essential": True, "dependsOn": depends, **more}


def meshed(**more: object) -> Life:
    _, deployment = exposing(service())
    return Life(definition(**more), deployment)


CHECK = {"command": ["CMD", "true"], "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 0}


CHECKED = container("app", healthCheck=CHECK)


def test_a_task_without_proxy_goes_from_provisioning_to_running():
    life = Life(definition())
    assert life.status is Status.PROVISIONING
    life.settle()
    assert life.status is Status.RUNNING
    assert life.state.started_at is not None
    assert life.state.healthy_at is not None


def test_the_proxy_starts_first_and_nothing_else_until_it_is_ready():
    life = meshed()
    life.proxy_ready = False
    life.settle()
    assert life.done == [f"start {life.proxy.container}"]
    assert life.status is Status.PENDING
    life.proxy_ready = True
    life.settle()
    assert life.done[1:] == ["start app"]
    assert life.status is Status.RUNNING


def test_a_proxy_that_never_becomes_ready_fails_the_task():
    life = meshed()
    life.proxy_ready = False
    life.settle()
    life.pass_time(200)
    assert life.state.stop.code is StopCode.TASK_FAILED_TO_START
    assert "did not become ready" in life.state.stop.reason


def test_a_proxy_that_refuses_its_configuration_fails_the_task_with_its_words():
    life = meshed()
    life.proxy_ready, life.refused = False, ("Cluster web: bad", "Listener x: worse")
    life.settle()
    life.pass_time(200)
    assert life.state.stop.reason.endswith("did not become ready in time: it refused Cluster web: bad")


def test_containers_start_in_the_order_of_their_dependencies():
    life = Life(
        definition(
            containers=[
                container("app", ("init", "SUCCESS"), ("db", "HEALTHY")),
                container("init", essential=False),
                container("db", healthCheck=CHECK),
            ]
        )
    )
    life.settle()
    assert life.done == ["start init", "start db"]
    life.exit("init", 0)
    life.settle()
    assert "start app" not in life.done
    life.say_health("db", Health.HEALTHY)
    life.settle()
    assert life.done[-1] == "start app"
    assert life.status is Status.RUNNING


def test_a_dependency_that_was_to_succeed_and_did_not_fails_the_task():
    life = Life(definition(containers=[container("app", ("init", "SUCCESS")), container("init", essential=False)]))
    life.settle()
    life.exit("init", 3)
    life.settle()
    assert life.status is Status.STOPPED
    assert life.state.stop.code is StopCode.TASK_FAILED_TO_START
    assert "exited with code 3" in life.state.stop.reason


def test_a_dependency_that_is_slower_than_its_start_timeout_fails_the_task():
    slow = container("db", healthCheck=CHECK, startTimeout=10)
    life = Life(definition(containers=[container("app", ("db", "HEALTHY")), slow]))
    life.settle()
    life.pass_time(11)
    assert "startTimeout" in life.state.stop.reason


def test_an_essential_exit_stops_the_task():
    life = meshed()
    life.settle()
    life.exit("app", 1)
    life.settle()
    life.pass_time(0.2)
    assert life.state.stop.code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert life.state.stop.reason == "Essential container in task exited"
    assert life.status is Status.STOPPED
    assert life.state.container("app").exit_code == 1


def test_the_proxy_answers_for_a_program_that_ended_until_the_neighbours_have_let_go():
    life = meshed()
    life.settle()
    life.holding, life.in_flight = frozenset({"other"}), 1
    life.exit("app", 137)
    life.settle()
    life.pass_time(1)
    assert life.status is Status.STOPPING
    assert life.done[-1] == "start app"
    life.holding = frozenset()
    life.pass_time(0.1)
    assert life.done[-1] == "start app"
    life.in_flight = 0
    life.pass_time(0.1)
    assert life.done[-1] == f"term {life.proxy.container}"
    assert life.status is Status.STOPPED


def test_a_proxy_that_carries_only_tcp_ends_with_the_program():
    life = meshed(containers=[container("app", portMappings=[{"name": "web", "containerPort": 5000}])])
    life.settle()
    life.holding, life.in_flight = 1, 1
    life.exit("app", 137)
    life.settle()
    assert life.done[-1] == f"term {life.proxy.container}"
    assert life.status is Status.DEPROVISIONING


def test_a_neighbour_that_never_lets_go_of_a_crashed_task_is_waited_for_five_seconds():
    life = meshed()
    life.settle()
    life.holding = frozenset({"other"})
    life.exit("app", 137)
    life.settle()
    life.pass_time(4.9)
    assert life.done[-1] == "start app"
    life.pass_time(0.2)
    assert life.done[-1] == f"term {life.proxy.container}"


def test_a_planned_stop_waits_for_acknowledgements_then_for_requests_then_terms_the_app_and_the_proxy_last():
    life = meshed()
    life.settle()
    life.holding, life.in_flight = frozenset({"a", "b"}), 3
    life.ask_to_stop()
    life.pass_time(1)
    assert life.status is Status.DEACTIVATING
    life.holding = frozenset()
    life.pass_time(0.1)
    assert life.status is Status.STOPPING
    assert not any("term" in what for what in life.done)
    life.in_flight = 0
    life.pass_time(0.3)
    assert life.done[-2:] == ["term app", f"term {life.proxy.container}"]
    assert life.status is Status.STOPPED


def test_a_proxy_that_never_acknowledges_is_waited_for_five_seconds():
    life = meshed()
    life.settle()
    life.holding = frozenset({"other"})
    life.ask_to_stop()
    life.pass_time(4.9)
    assert life.status is Status.DEACTIVATING
    life.pass_time(0.2)
    assert life.status is not Status.DEACTIVATING


@pytest.mark.parametrize("make", [lambda: Life(definition()), meshed])
def test_no_program_hears_of_its_end_while_cloud_map_tells_of_the_task(make):
    life = make()
    life.settle()
    life.registered = True
    life.ask_to_stop()
    life.pass_time(4)
    assert life.status is Status.DEACTIVATING
    life.registered = False
    life.pass_time(0.1)
    assert life.status is not Status.DEACTIVATING
    stuck = make()
    stuck.settle()
    stuck.registered = True
    stuck.ask_to_stop()
    stuck.pass_time(5.1)
    assert stuck.status is not Status.DEACTIVATING, "not for ever, though"


def test_requests_that_do_not_end_are_waited_for_the_drain_time():
    life = meshed()
    life.settle()
    life.in_flight = 1
    life.ask_to_stop()
    life.pass_time(1)
    life.pass_time(19)
    assert not any("term" in what for what in life.done)
    life.pass_time(1.5)
    assert "term app" in life.done


def test_sigkill_follows_after_the_stop_timeout():
    life = Life(definition(containers=[container("app", stopTimeout=3)]), deaf=frozenset({"app"}))
    life.settle()
    life.ask_to_stop()
    life.pass_time(0)
    life.pass_time(2.9)
    assert life.done[-1] == "term app"
    life.pass_time(0.2)
    assert life.done[-1] == "kill app"
    assert life.state.container("app").exit_code == 137


def test_containers_stop_in_the_reverse_order_of_their_dependencies():
    life = Life(definition(containers=[container("app", ("db", "START")), container("db")]))
    life.settle()
    life.ask_to_stop()
    life.settle()
    assert life.done[-2:] == ["term app", "term db"]


def test_the_network_of_a_dead_task_stays_until_the_proxies_have_let_go():
    life = meshed()
    life.settle()
    life.holding = frozenset({"other"})
    for _ in range(4):
        life.exit(life.proxy.container, 1)
        life.settle()
    assert life.status is Status.DEPROVISIONING
    assert life.held is not None
    life.holding = frozenset()
    life.settle()
    assert life.status is Status.STOPPED


def test_a_task_whose_runtime_died_is_stopped_with_a_reason():
    life = Life(definition())
    life.settle()
    life.held = None
    life.settle()
    assert life.status is Status.STOPPED
    assert "ended together with the runtime" in life.state.container("app").reason


def test_a_refused_image_stops_the_task_with_the_reason_that_ecs_gives():
    life = Life(definition())
    life.settle()
    life = Life(definition())
    life.step()
    life.state = containers.could_not_start(life.state, "app", "CannotPullContainerError: no image web", life.now)
    life.settle()
    assert life.state.stop.reason == "CannotPullContainerError: no image web"
    assert life.status is Status.STOPPED
    assert life.state.started_at is None


@pytest.mark.parametrize(("says", "opens"), [(None, 21), (Health.UNHEALTHY, 480)])
def test_the_health_gate_opens_after_its_time(says, opens):
    life = Life(definition(containers=[container("app", healthCheck=CHECK)]))
    life.settle()
    if says is not None:
        life.say_health("app", says)
    life.pass_time(opens - 1)
    assert life.state.healthy_at is None
    life.pass_time(1)
    assert life.state.healthy_at is not None


def test_a_healthy_word_opens_the_gate_at_once():
    life = Life(definition(containers=[container("app", healthCheck=CHECK)]))
    life.settle()
    life.say_health("app", Health.HEALTHY)
    life.settle()
    assert life.state.healthy_at == life.now


def test_a_task_without_health_check_takes_traffic_when_it_listens():
    life = meshed()
    life.listening = frozenset()
    life.settle()
    assert life.status is Status.RUNNING
    assert life.state.healthy_at is None
    life.listening = frozenset({5000})
    life.settle()
    assert life.state.healthy_at is not None


def test_a_task_that_never_listens_takes_traffic_after_a_minute():
    life = meshed()
    life.listening = frozenset()
    life.settle()
    life.pass_time(59)
    assert life.state.healthy_at is None
    life.pass_time(1)
    assert life.state.healthy_at is not None


def test_a_services_task_that_has_neither_check_nor_port_counts_as_healthy_once_it_ran_for_a_while():
    life = Life(definition(), deployment("worker", 1), patience=Patience(steady=timedelta(seconds=40)))
    life.settle()
    assert life.status is Status.RUNNING
    life.pass_time(39)
    assert life.state.healthy_at is None
    assert "counts as healthy at 12:00:40 UTC" in life.state.waiting
    life.pass_time(1)
    assert life.state.healthy_at == life.now
    assert life.state.waiting == ""


def test_one_that_ends_before_that_never_was_healthy_and_so_has_failed():
    life = Life(definition(), deployment("worker", 1), patience=Patience(steady=timedelta(seconds=40)))
    life.settle()
    life.pass_time(30)
    life.exit("app", 1)
    life.settle()
    assert life.state.healthy_at is None
    assert failures.with_failure(rollout(life.deployment), life.state, life.now).failed_tasks == 1


@pytest.mark.parametrize("make", [meshed, lambda: Life(definition()), lambda: Life(definition(containers=[CHECKED]))])
def test_a_task_at_rest_is_looked_at_when_something_changes(make):
    life = make()
    life.settle()
    if life.state.healthy_at is None:
        life.say_health("app", Health.HEALTHY)
        life.settle()
    steps = life.look()
    assert (steps.actions, steps.wake) == ((), None)


def test_a_stopped_task_is_forgotten_after_an_hour():
    life = Life(definition())
    life.settle()
    life.ask_to_stop()
    life.settle()
    assert life.look().wake == timedelta(hours=1)
    life.now += timedelta(hours=1)
    assert life.look().actions == (Forget(),)


def test_every_status_can_be_reached_and_only_stopped_is_an_end():
    reached, frontier = set(), {Status.PROVISIONING}
    while frontier:
        reached |= frontier
        frontier = {status for at in frontier for status in TRANSITIONS[at].values()} - reached
    assert reached == set(Status) == set(TRANSITIONS)
    assert [status for status, steps in TRANSITIONS.items() if not steps] == [Status.STOPPED]


def test_a_circle_of_dependencies_is_named():
    circle = definition(containers=[container("a", ("b", "START")), container("b", ("a", "START"))])
    with pytest.raises(ValueError, match="a, b"):
        dependencies.order(circle.containers)
