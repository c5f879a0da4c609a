"""Access logs through the whole system: asked for at the API, written by Envoy, shipped to CloudWatch Logs."""

import json
from typing import Any

import pytest
from place import Place

pytestmark = pytest.mark.namespaces

LOGS = {"awslogs-group": "/proxies", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "sc"}


def connect(**more: Any) -> dict[str, Any]:
    return {"enabled": True, "logConfiguration": {"logDriver": "awslogs", "options": LOGS}, **more}


def test_access_logs_come_to_the_log_group_and_to_moorage_logs(moorage: Place):
    moorage.client("logs").create_log_group(logGroupName="/proxies")
    moorage.define("logged", {"name": "logged", "containerPort": 5000, "appProtocol": "http"})
    service = {"portName": "logged", "clientAliases": [{"port": 80, "dnsName": "logged"}]}
    asked = {"format": "JSON", "includeQueryParameters": "DISABLED"}
    moorage.serve("logged", 1, connect(services=[service], accessLogConfiguration=asked))
    moorage.stable("logged")
    assert moorage.through("logged", "http://logged/status/200?secret=1").status == 200

    def entries() -> list[dict[str, Any]]:
        events = moorage.client("logs").filter_log_events(logGroupName="/proxies", filterPattern="")["events"]
        return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]

    # A task that asks itself comes from inside: the redirect to its own inbound listener is not for it.
    moorage.until(lambda: len(entries()) == 1, "the line of the request is in the group")
    assert {entry["path"] for entry in entries()} == {"/status/200"}
    (stream,) = moorage.client("logs").describe_log_streams(logGroupName="/proxies")["logStreams"]
    assert stream["logStreamName"].startswith("sc/ecs-service-connect-")
    assert '"path":"/status/200"' in moorage.run("logs", "--proxy", "logged").stdout


def test_a_missing_log_group_fails_the_task_unless_it_may_be_made(moorage: Place):
    def ended(group: str, **more: str) -> dict[str, Any]:
        options = {**LOGS, "awslogs-group": group, **more}
        logs = {"logDriver": "awslogs", "options": options}
        moorage.define("brief", logConfiguration=logs, entryPoint=["echo"], command=["heard"])
        return moorage.task_in(moorage.start_task("brief"), "STOPPED")

    assert ended("/none")["stoppedReason"] == (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed "
        "to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit "
        "status 1"
    )
    made = ended("/made", **{"awslogs-create-group": "true"})
    stream = {"logGroupName": "/made", "logStreamName": f"sc/app/{made['taskArn'].rsplit('/', 1)[1]}"}
    logs = moorage.client("logs")
    moorage.until(lambda: [e["message"] for e in logs.get_log_events(**stream)["events"]] == ["heard"], "it is heard")
    assert moorage.run("logs", made["taskArn"]).stdout.endswith(" heard\n"), "a task that has stopped is still read"


def test_a_proxy_says_as_much_as_it_is_asked_to(moorage: Place):
    for name, entries in (("quiet", []), ("loud", [{"logLevel": "debug"}])):
        moorage.define(name)
        moorage.serve(name, 1, connect(containerConfigurations=entries))
    moorage.stable("quiet", "loud")
    assert "[debug]" in moorage.run("logs", "--proxy", "loud").stdout
    assert "[debug]" not in moorage.run("logs", "--proxy", "quiet").stdout


def test_access_logs_without_a_place_to_go_are_refused(moorage: Place):
    moorage.define("nowhere")
    with pytest.raises(moorage.ecs.exceptions.InvalidParameterException, match="requires a logConfiguration"):
        moorage.serve("nowhere", 1, {"enabled": True, "accessLogConfiguration": {"format": "TEXT"}})
