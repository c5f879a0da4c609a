"""FireLens in a task definition: what ECS wants of routers and senders, and who waits for whom."""

from typing import Any

import pytest

from moorage.domain import task_definition_rules
from moorage.domain.errors import ClientMistake, DomainError, Unsupported
from moorage.domain.task_definition import Dependency, TaskDefinition
from worlds import NOON

SENDS = {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
SECRET = [{"name": "apikey", "valueFrom": "/key"}]


def router(kind: str = "fluentbit", name: str = "router", **options: str) -> dict[str, Any]:
    configuration = {"type": kind, "options": options} if options else {"type": kind}
    return {"name": name, "image": "r", "memory": 64, "firelensConfiguration": configuration}


def app(log: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "app", "image": "a", "memory": 64, "logConfiguration": SENDS if log is None else log, **more}


def document(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return task_definition_rules.completed({"family": "f", "containerDefinitions": list(containers), **more})


def refusal(*containers: dict[str, Any], **more: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        task_definition_rules.check(document(*containers, **more))
    return refused.value


@pytest.mark.parametrize(
    ("containers", "more", "text"),
    [
        ([app()], {}, "no container of the task definition has a firelensConfiguration"),
        ([router(), router(name="other")], {}, "Only one container can have a firelensConfiguration: router, other"),
        ([router(unknown="x")], {}, "there is no option unknown"),
        ([router(**{"enable-ecs-log-metadata": "yes"})], {}, "must be true or false"),
        ([router(**{"config-file-type": "file"})], {}, "config-file-type and config-file-value go together"),
        ([router(**{"config-file-type": "http", "config-file-value": "/x"})], {}, "must be s3 or file"),
        ([router(**{"config-file-type": "file", "config-file-value": "x"})], {}, "an absolute path"),
        ([router(**{"config-file-type": "s3", "config-file-value": "/x"})], {}, "the ARN of an S3 object"),
        (
            [router(**{"config-file-type": "s3", "config-file-value": "arn:aws:s3:::b/k"})],
            FARGATE,
            "only support the config-file-type 'file'",
        ),
        ([router(), app({**SENDS, "secretOptions": SECRET})], {}, "must also specify a value for 'executionRoleArn'"),
        ([router(), app({**SENDS, "options": {"log-driver-buffer-limit": "0"}})], {}, "a number between 1 and"),
        ([router(), app(dependsOn=[{"containerName": "router", "condition": "HEALTHY"}])], {}, "needs a health check"),
    ],
)
def test_what_makes_no_sense_is_refused(containers: list[dict[str, Any]], more: dict[str, Any], text: str) -> None:
    refused = refusal(*containers, **more)
    assert isinstance(refused, ClientMistake)
    assert text in refused.message


@pytest.mark.parametrize("driver", ["fluentd", "gelf", "journald", "logentries", "splunk", "syslog"])
def test_other_log_drivers_are_refused_each_with_what_to_do_instead(driver: str) -> None:
    refused = refusal(app({"logDriver": driver}))
    assert isinstance(refused, Unsupported)
    assert driver in refused.what and ("awsfirelens" in refused.why or "json-file" in refused.why)


def test_secret_options_of_another_driver_are_refused() -> None:
    refused = refusal(app({"logDriver": "json-file", "secretOptions": SECRET}))
    said = "A secret option of the log driver json-file is not supported by Moorage: awsfirelens has them."
    assert refused.message == said


def needs(*containers: dict[str, Any]) -> dict[str, tuple[Dependency, ...]]:
    made = document(*containers)
    task_definition_rules.check(made)
    definition = TaskDefinition("1", "us-east-1", "f", 1, "ACTIVE", NOON, "", made)
    return {container.name: container.depends_on for container in definition.containers}


START = Dependency("router", "START")


def test_who_sends_to_a_router_waits_for_it_to_start() -> None:
    plain = {"name": "plain", "image": "p", "memory": 64}
    assert needs(app(), plain, router()) == {"app": (START,), "plain": (), "router": ()}


def test_who_depends_on_the_router_anyway_keeps_to_that() -> None:
    complete = {"containerName": "router", "condition": "COMPLETE"}
    wanted = (Dependency("router", "COMPLETE"),)
    assert needs(app(dependsOn=[complete]), {**router(), "essential": False})["app"] == wanted


def test_a_router_that_waits_for_another_container_is_not_waited_for() -> None:
    late = {**router(), "dependsOn": [{"containerName": "app", "condition": "START"}]}
    assert needs(app(), late) == {"app": (), "router": (Dependency("app", "START"),)}


def test_a_router_may_send_to_itself() -> None:
    assert needs({**router(), "logConfiguration": SENDS}) == {"router": ()}
