"""What FireLens adds to containers: configurations as the ECS agent writes them, variables, tags, secrets."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.task import ContainerState, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.planning import log_routing
from moorage.planning.actions import ContainerSpec
from moorage.planning.container_settings import LogRoute
from moorage.planning.log_routing import Incomplete, Lookups
from worlds import CLUSTER, HOME, NOON

OPTIONS = {"include-pattern": "^ok", "exclude-pattern": "debug$", "region": "eu-west-1", "log-driver-buffer-limit": "5"}
OUTPUT = {"fluentbit": "Name", "fluentd": "@type"}
NOTHING = Lookups({})


def definition(kind: str = "fluentbit", mode: str = "awsvpc", log: dict[str, Any] | None = None, **options: str) -> Any:
    sends = {"logDriver": "awsfirelens", **({"options": {OUTPUT[kind]: "s3", **OPTIONS}} if log is None else log)}
    containers = [
        {"name": "router", "image": "r", "firelensConfiguration": {"type": kind, "options": options}},
        {"name": "app", "image": "a", "logConfiguration": sends},
    ]
    document = {"containerDefinitions": containers, "networkMode": mode}
    return TaskDefinition(*HOME, "shop", 7, "ACTIVE", NOON, "", document)


def task(of: TaskDefinition) -> Task:
    return Task(*HOME, CLUSTER, "1" * 32, NOON, of.key, "g", "FARGATE")


FLUENT_BIT = """[INPUT]
    Name forward
    Mem_Buf_Limit 25MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 127.0.0.1
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name grep
    Match app-firelens*
    Regex log ^ok

[FILTER]
    Name grep
    Match app-firelens*
    Exclude log debug$

[FILTER]
    Name record_modifier
    Match *
    Record ecs_cluster demo
    Record ecs_task_arn arn:aws:ecs:us-east-1:111122223333:task/demo/11111111111111111111111111111111
    Record ecs_task_definition shop:7

@INCLUDE /extra.conf

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name s3
    Match app-firelens*
    region eu-west-1
"""

FLUENTD = """<source>
  @type unix
  path /var/run/fluent.sock
</source>

<source>
  @type forward
  bind 0.0.0.0
  port 24224
</source>

<filter app-firelens**>
  @type grep
  <regexp>
    key log
    pattern ^ok
  </regexp>
</filter>

<filter app-firelens**>
  @type grep
  <exclude>
    key log
    pattern debug$
  </exclude>
</filter>

@include /fluentd/etc/external.conf

<match app-firelens**>
  @type s3
  region eu-west-1
</match>
"""


def test_the_configuration_of_fluent_bit() -> None:
    of = definition(**{"config-file-type": "file", "config-file-value": "/extra.conf"})
    assert log_routing.configuration(task(of), of) == FLUENT_BIT


def test_the_configuration_of_fluentd_without_metadata_in_bridge_mode_with_a_file_of_s3() -> None:
    s3 = {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::b/k"}
    of = definition("fluentd", "bridge", **{"enable-ecs-log-metadata": "false"}, **s3)
    assert log_routing.configuration(task(of), of) == FLUENTD


def test_options_without_an_output_are_named() -> None:
    of = definition(log={"options": {"region": "x"}})
    with pytest.raises(Incomplete, match=r"of container app .*: missing output option Name which is required"):
        log_routing.configuration(task(of), of)


def test_no_options_leave_the_output_to_the_users_file() -> None:
    of = definition(log={})
    assert "app-firelens" not in log_routing.configuration(task(of), of)


def dressed(of: TaskDefinition, name: str, found: Lookups = NOTHING) -> ContainerSpec:
    state = TaskState(*HOME, CLUSTER, "1" * 32, containers=(ContainerState("router", address="100.64.0.9"),))
    spec = ContainerSpec("1" * 32, name, "i", environment=(("OWN", "1"),))
    return log_routing.dressed(spec, task(of), of, state, found)


def test_a_sender_is_told_the_router_and_its_lines_get_its_tag() -> None:
    spec = dressed(definition(), "app")
    assert spec.environment == (("OWN", "1"), ("FLUENT_HOST", "127.0.0.1"), ("FLUENT_PORT", "24224"))
    assert spec.settings.log_route == LogRoute(f"app-firelens-{'1' * 32}", 5)
    assert not spec.settings.routes_logs and spec.files == ()


@pytest.mark.parametrize(("mode", "host"), [("bridge", "100.64.0.9"), ("none", None)])
def test_where_the_router_has_a_network_of_its_own_its_address_is_told(mode: str, host: str | None) -> None:
    assert dict(dressed(definition(mode=mode), "app").environment).get("FLUENT_HOST") == host


def test_the_router_gets_its_configuration_and_nothing_routes_it() -> None:
    of = definition("fluentd")
    spec = dressed(of, "router", Lookups({}, "external"))
    written = {file.path: file.content for file in spec.files}
    assert written == {
        "/fluentd/etc/fluent.conf": log_routing.configuration(task(of), of),
        "/fluentd/etc/external.conf": "external",
    }
    assert ("FLUENT_UID", "0") in spec.environment
    assert spec.settings.routes_logs and spec.settings.log_route is None


@pytest.mark.parametrize(
    ("kind", "written"), [("fluentbit", "apikey ${apikey_1}"), ("fluentd", "apikey \"#{ENV['apikey_1']}\"")]
)
def test_secret_options_reach_the_router_as_variables_and_never_its_file(kind: str, written: str) -> None:
    secret = [{"name": "apikey", "valueFrom": "/key"}]
    of = definition(kind, log={"options": {OUTPUT[kind]: "x"}, "secretOptions": secret})
    spec = dressed(of, "router", Lookups({"app": {"apikey": "hush"}}))
    assert ("apikey_1", "hush") in spec.environment
    assert written in spec.files[0].content and "hush" not in spec.files[0].content


def test_a_task_without_a_router_is_left_as_it_is() -> None:
    of = replace(definition(), document={"containerDefinitions": [{"name": "app", "image": "a"}]})
    assert dressed(of, "app") == ContainerSpec("1" * 32, "app", "i", environment=(("OWN", "1"),))
