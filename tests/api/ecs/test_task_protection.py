"""Scale-in protection of tasks, by a real client."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage.domain.task import Stop, StopCode, Task


@pytest.fixture
def task(account: Any, create: Any) -> str:
    """The ARN of a task of the service `api`, as the engine writes it."""
    deployment = create()["deployments"][0]["id"]
    key = (account.id, "us-east-1", "demo", "a" * 32)
    definition = (account.id, "us-east-1", "api", "0000000001")
    made = Task(*key, datetime.now(UTC), definition, "service:api", "FARGATE", service="api", deployment_id=deployment)
    account.write_records(made)
    return made.arn


def protect(ecs: Any, task: str, **members: Any) -> Any:
    return ecs.update_task_protection(cluster="demo", tasks=[task], protectionEnabled=True, **members)


def test_a_task_is_protected_for_two_hours_unless_told_otherwise(demo: Any, task: str) -> None:
    for minutes, members in ((120, {}), (5, {"expiresInMinutes": 5})):
        (found,) = protect(demo, task, **members)["protectedTasks"]
        assert (found["taskArn"], found["protectionEnabled"]) == (task, True)
        left = found["expirationDate"] - datetime.now(UTC)
        assert timedelta(minutes=minutes - 1) < left <= timedelta(minutes=minutes)
        assert demo.get_task_protection(cluster="demo", tasks=[task])["protectedTasks"] == [found]
    assert len(demo.get_task_protection(cluster="demo")["protectedTasks"]) == 1


def test_protection_is_taken_away(demo: Any, task: str) -> None:
    protect(demo, task)
    answer = demo.update_task_protection(cluster="demo", tasks=[task], protectionEnabled=False)
    assert answer["protectedTasks"] == [{"taskArn": task, "protectionEnabled": False}]
    assert demo.get_task_protection(cluster="demo")["protectedTasks"] == []


def test_what_is_no_task_of_a_service_or_stops_is_a_failure(account: Any, demo: Any, task: str, network: Any) -> None:
    ran = demo.run_task(cluster="demo", taskDefinition="api", launchType="FARGATE", networkConfiguration=network)
    alone = ran["tasks"][0]["taskArn"]
    assert [each["reason"] for each in protect(demo, alone)["failures"]] == ["TASK_NOT_VALID"]
    assert [each["reason"] for each in protect(demo, "b" * 32)["failures"]] == ["MISSING"]
    found = account.world().get(Task, (account.id, "us-east-1", "demo", "a" * 32))
    stop = Stop(StopCode.USER_INITIATED, "enough", datetime.now(UTC))
    account.write_records(Task(**{**vars(found), "stop": stop}))
    assert [each["reason"] for each in protect(demo, task)["failures"]] == ["MISSING"]


@pytest.mark.parametrize("minutes", [0, 2881])
def test_protection_lasts_at_most_two_days(demo: Any, task: str, refusal: Any, minutes: int) -> None:
    assert refusal(protect, demo, task, expiresInMinutes=minutes)[0] == "InvalidParameterException"
