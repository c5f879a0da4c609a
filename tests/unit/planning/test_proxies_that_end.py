"""A proxy that ends by itself is started again three times; then its task has lost an essential container."""

import pytest

from lives import Life
from moorage.domain.task import Status, StopCode
from moorage.planning.restarting import RESTARTS
from worlds import definition, exposing, service


@pytest.fixture
def life() -> Life:
    _, deployment = exposing(service())
    made = Life(definition(), deployment)
    made.settle()
    assert made.status is Status.RUNNING
    return made


def proxy_of(life: Life) -> str:
    assert life.proxy is not None
    return life.proxy.container


def starts(life: Life) -> int:
    return life.done.count(f"start {proxy_of(life)}")


def test_it_is_started_again_three_times_and_the_task_goes_on(life: Life) -> None:
    for turn in range(1, RESTARTS + 1):
        life.exit(proxy_of(life), 139)
        life.settle()
        assert life.status is Status.RUNNING
        assert starts(life) == 1 + turn
        seen = life.state.container(proxy_of(life))
        assert seen is not None
        assert (seen.status, seen.restarts) == ("RUNNING", turn)
        assert seen.reason == f"exited with code 139 and was started again ({turn} of 3)"


def test_the_fourth_end_is_an_essential_exit(life: Life) -> None:
    for _ in range(RESTARTS + 1):
        life.exit(proxy_of(life), 139)
        life.settle()
    assert starts(life) == 1 + RESTARTS
    assert life.state.stop is not None
    assert life.state.stop.code is StopCode.ESSENTIAL_CONTAINER_EXITED
    assert life.status is Status.STOPPED


def test_a_restart_that_was_noted_and_not_done_is_made_good(life: Life) -> None:
    life.exit(proxy_of(life), 1)
    noted = life.look().state
    assert starts(life) == 1
    # The daemon died here: the note is all that is left.
    life.state = noted
    life.settle()
    assert starts(life) == 2
    seen = life.state.container(proxy_of(life))
    assert seen is not None
    assert (seen.status, seen.restarts) == ("RUNNING", 1)


def test_a_proxy_of_a_task_that_ends_stays_ended(life: Life) -> None:
    life.in_flight = 1
    life.ask_to_stop()
    life.exit(proxy_of(life), 1)
    life.settle()
    assert starts(life) == 1
    assert life.status is Status.STOPPED


def test_a_proxy_that_ended_with_everything_else_is_not_started_again(life: Life) -> None:
    assert life.held is not None
    for name in list(life.held):
        life.exit(name, 137)
    life.settle()
    assert starts(life) == 1
    assert life.status is Status.STOPPED


def test_a_proxy_that_ends_before_it_was_ready_is_started_again() -> None:
    _, deployment = exposing(service())
    life = Life(definition(), deployment, proxy_ready=False)
    life.settle()
    life.exit(proxy_of(life), 1)
    life.settle()
    assert (life.status, starts(life)) == (Status.PENDING, 2)
    life.proxy_ready = True
    life.settle()
    assert life.status is Status.RUNNING
