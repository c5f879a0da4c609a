"""`restartPolicy`: a container that ran for long enough and ended is started again, and its task goes on."""

from typing import Any

import pytest

from lives import Life
from moorage.domain.task import ContainerState, Status
from moorage.planning import notices
from worlds import NOON, definition


def life(*others: dict[str, Any], **policy: Any) -> Life:
    app = {"name": "app", "image": "web", "essential": True, "restartPolicy": {"enabled": True, **policy}}
    made = Life(definition(containers=[app, *others]))
    made.settle()
    assert made.status is Status.RUNNING
    return made


def app(of: Life) -> ContainerState:
    found = of.state.container("app")
    assert found is not None
    return found


def test_it_is_started_again_as_often_as_it_ran_for_its_period() -> None:
    made = life()
    for turn in range(1, 6):
        made.pass_time(300)
        made.exit("app", 1)
        made.settle()
        assert (made.status, app(made).status, app(made).restarts) == (Status.RUNNING, "RUNNING", turn)
        assert app(made).reason == "exited with code 1 and was started again"
    assert made.done == ["start app"] * 6


def test_one_that_ends_earlier_ends_its_task() -> None:
    made = life(restartAttemptPeriod=60)
    made.pass_time(59)
    made.exit("app", 1)
    made.settle()
    assert (made.status, app(made).restarts) == (Status.STOPPED, 0)


@pytest.mark.parametrize(("code", "restarts"), [(0, 0), (7, 0), (1, 1)])
def test_exit_codes_that_are_ignored_are_ends(code: int, restarts: int) -> None:
    made = life(ignoredExitCodes=[0, 7])
    made.pass_time(1000)
    made.exit("app", code)
    made.settle()
    assert app(made).restarts == restarts
    assert made.status is (Status.RUNNING if restarts else Status.STOPPED)


def test_a_policy_that_is_not_enabled_changes_nothing() -> None:
    made = life(enabled=False)
    made.pass_time(1000)
    made.exit("app", 1)
    made.settle()
    assert made.status is Status.STOPPED


def test_it_is_not_started_again_once_the_task_was_asked_to_stop() -> None:
    made = life()
    made.pass_time(1000)
    made.ask_to_stop()
    assert (made.status, made.done.count("start app")) == (Status.STOPPED, 1)


def test_it_is_not_started_again_when_something_else_that_is_essential_has_ended() -> None:
    made = life({"name": "other", "image": "web", "essential": True})
    made.pass_time(1000)
    for name in ("app", "other"):
        made.exit(name, 1)
    made.settle()
    assert (made.status, made.done.count("start app")) == (Status.STOPPED, 1)


def test_one_that_is_not_essential_is_started_again_beside_the_others() -> None:
    helper = {"name": "helper", "image": "web", "essential": False, "restartPolicy": {"enabled": True}}
    made = life(helper)
    made.pass_time(1000)
    made.exit("helper", 0)
    made.settle()
    assert (made.status, made.done[-1]) == (Status.RUNNING, "start helper")


def test_services_tell_restarts_of_proxies_only() -> None:
    made = life()
    made.pass_time(1000)
    made.exit("app", 1)
    made.settle()
    assert notices.notices([made.state], (), NOON).messages == ()
