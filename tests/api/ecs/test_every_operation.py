"""Every operation of the model is served, or refused with a reason: none is forgotten."""

from typing import Any

import botocore.session
import pytest

from moorage.api.ecs import execute_command, refusals, support
from moorage.api.exec_sessions import Sessions
from moorage.system import SystemClock, SystemIds

MODEL = botocore.session.get_session().get_service_model("ecs").operation_names


def test_every_operation_is_served_or_refused_with_a_reason() -> None:
    served = {*support.OPERATIONS, *execute_command.operations(Sessions("ws://here", SystemClock(), SystemIds()))}
    assert sorted(set(MODEL) - served) == sorted(refusals.REASONS)


@pytest.mark.parametrize(
    ("operation", "arguments", "why"),
    [
        ("submit_task_state_change", {}, "container agent"),
        ("list_daemons", {}, "strategy DAEMON"),
    ],
)
def test_a_refused_operation_says_why(ecs: Any, refusal: Any, operation: str, arguments: Any, why: str) -> None:
    _, message = refusal(getattr(ecs, operation), **arguments)
    assert "is not supported by Moorage: " in message
    assert why in message
