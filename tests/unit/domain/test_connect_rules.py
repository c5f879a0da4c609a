"""What a Service Connect configuration may say, and the order of ECS's complaints."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.domain import connect_rules
from moorage.domain.errors import DomainError
from moorage.domain.task_definition import ACTIVE, TaskDefinition

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PORTS = [
    {"name": "http", "containerPort": 8080, "appProtocol": "http"},
    {"name": "raw", "containerPort": 9000},
    {"name": "dns", "containerPort": 53, "protocol": "udp"},
]


def definition(**document: Any) -> TaskDefinition:
    containers = [{"name": "app", "image": "app", "portMappings": PORTS}]
    whole = {"networkMode": "awsvpc", "memory": "512", "containerDefinitions": containers, **document}
    return TaskDefinition("1", "r", "api", 1, ACTIVE, NOW, "", whole)


def exposing(port_name: str = "http", aliases: int = 1, **members: Any) -> dict[str, Any]:
    service = {"portName": port_name, "clientAliases": [{"port": 80}] * aliases, **members}
    return {"enabled": True, "services": [service]}


def complaint(document: dict[str, Any], launch_type: str = "FARGATE", **task: Any) -> str:
    with pytest.raises(DomainError) as caught:
        connect_rules.read(document, definition(**task), launch_type)
    return caught.value.message


def test_what_is_switched_off_is_not_looked_at() -> None:
    off = {**exposing("nowhere", aliases=2), "enabled": False}
    assert connect_rules.read(off, definition(networkMode="host"), "EC2").exposed == ()


def test_a_client_needs_no_ports() -> None:
    assert connect_rules.read({"enabled": True}, definition(), "FARGATE").enabled


def test_the_alias_count_is_judged_before_the_port_name() -> None:
    assert complaint(exposing("nowhere", aliases=0)) == "clientAliases must have 1 element."
    assert complaint(exposing("nowhere", aliases=2)) == "2 clientAliases exceeds the max limit of 1"
    assert complaint(exposing("nowhere")) == (
        "portName(nowhere) does not refer to any named PortMapping in the container definitions"
    )


def test_a_hint_names_the_ports_that_there_are() -> None:
    with pytest.raises(DomainError) as caught:
        connect_rules.read(exposing("nowhere"), definition(), "FARGATE")
    assert caught.value.hint == "Port mapping names of api:1: http, raw, dns."


@pytest.mark.parametrize("name", ["-api", "API", "a" * 128, "a b", "api/v1", "api..shop", ".api", "api.", "a" * 64])
def test_a_dns_name_that_is_none_is_refused_in_ecs_words(name: str) -> None:
    document = exposing()
    document["services"][0]["clientAliases"] = [{"port": 80, "dnsName": name}]
    assert complaint(document).startswith("The DNS name that you provided is invalid.")


@pytest.mark.parametrize("mode", ["host", "none", None])
def test_network_modes_without_a_network_of_their_own_are_refused(mode: str | None) -> None:
    assert "networkMode" in complaint(exposing(), "EC2", networkMode=mode)


def test_windows_and_external_are_refused() -> None:
    windows = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
    assert "WINDOWS" in complaint(exposing(), **windows)
    assert "EXTERNAL" in complaint(exposing(), "EXTERNAL")


def test_on_ec2_the_task_needs_memory() -> None:
    assert "'memory'" in complaint(exposing(), "EC2", memory="0")


def test_tcp_has_no_request_timeout() -> None:
    assert "perRequestTimeoutSeconds" in complaint(exposing("raw", timeout={"perRequestTimeoutSeconds": 5}))
    assert connect_rules.read(exposing("raw", timeout={"idleTimeoutSeconds": 5}), definition(), "EC2").exposed


def test_udp_cannot_be_exposed() -> None:
    assert "tcp" in complaint(exposing("dns"))


@pytest.mark.parametrize("port", [0, 8080, 9000])
def test_an_ingress_override_must_be_free(port: int) -> None:
    assert f"ingressPortOverride {port}" in complaint(exposing(ingressPortOverride=port))


@pytest.mark.parametrize("name", ["-x", "X", "x" * 65, "a.b"])
def test_a_discovery_name_that_ecs_does_not_allow_is_refused(name: str) -> None:
    assert name in complaint(exposing(discoveryName=name))


def test_nothing_is_exposed_twice() -> None:
    twice = {"enabled": True, "services": exposing()["services"] + exposing(discoveryName="other")["services"]}
    assert "portName(http) is used more than once" in complaint(twice)
    same = {"enabled": True, "services": exposing()["services"] + exposing("raw", discoveryName="http")["services"]}
    assert "discoveryName(http) is used more than once" in complaint(same)
