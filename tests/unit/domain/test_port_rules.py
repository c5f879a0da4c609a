"""Port mappings by network mode: what can be fixed, ranges, what is refused."""

from typing import Any

import pytest

from moorage.domain import port_rules, task_definition_rules
from moorage.domain.errors import ClientMistake, DuplicatePortName
from moorage.domain.task_definition import PortMapping


def mistake(*mappings: dict[str, Any], mode: str | None = "bridge") -> str:
    with pytest.raises((ClientMistake, DuplicatePortName)) as caught:
        check(*mappings, mode=mode)
    return caught.value.message


def check(*mappings: dict[str, Any], mode: str | None = "bridge") -> list[dict[str, Any]]:
    """Each mapping in a container of its own."""
    named = [{"name": f"c{n}", "image": "app", "portMappings": [each]} for n, each in enumerate(mappings)]
    document = {"family": "web", "networkMode": mode, "containerDefinitions": named}
    completed = task_definition_rules.completed(document)["containerDefinitions"]
    port_rules.check(completed, mode)
    return [each["portMappings"][0] for each in completed]


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_host_ports_must_be_the_container_ports_where_there_is_no_port_mapping(mode: str) -> None:
    assert check({"containerPort": 80}, mode=mode)[0]["hostPort"] == 80
    assert "host ports and container ports in port mappings must match" in mistake(
        {"containerPort": 80, "hostPort": 8080}, mode=mode
    )


@pytest.mark.parametrize("mode", ["bridge", None])
def test_bridge_containers_may_share_a_container_port_and_no_host_port(mode: str | None) -> None:
    assert [each["hostPort"] for each in check({"containerPort": 80}, {"containerPort": 80}, mode=mode)] == [0, 0]
    fixed = {"containerPort": 80, "hostPort": 8080}
    assert "Host port 8080 (tcp)" in mistake(fixed, fixed, mode=mode)
    check(fixed, {**fixed, "protocol": "udp"}, mode=mode)


def test_awsvpc_containers_share_their_ports() -> None:
    assert "Host port 80 (tcp)" in mistake({"containerPort": 80}, {"containerPort": 80}, mode="awsvpc")
    assert "Host port 82 (tcp)" in mistake({"containerPortRange": "80-90"}, {"containerPort": 82}, mode="awsvpc")


def test_none_has_no_ports() -> None:
    assert "networkMode=none" in mistake({"containerPort": 80}, mode="none")


@pytest.mark.parametrize("mode", ["awsvpc", "bridge"])
def test_a_range_is_kept_as_it_was_given(mode: str) -> None:
    (found,) = check({"containerPortRange": "8000-8010"}, mode=mode)
    assert found == {"protocol": "tcp", "containerPortRange": "8000-8010"}
    read = PortMapping.read(found)
    assert (read.container_port, read.size, read.host_port, read.ranged) == (8000, 11, 0, True)


@pytest.mark.parametrize("text", ["80", "90-80", "0-5", "1-65536", "a-b", "1-2-3", ""])
def test_a_range_is_two_ports(text: str) -> None:
    assert "two ports from 1 to 65535" in mistake({"containerPortRange": text})


@pytest.mark.parametrize(
    "members", [{"containerPort": 80}, {"hostPort": 80}, {"name": "web"}, {"appProtocol": "http"}], ids=str
)
def test_a_range_stands_alone(members: dict[str, Any]) -> None:
    assert "containerPortRange" in mistake({"containerPortRange": "80-90", **members})


def test_a_range_needs_a_mode_with_mappings() -> None:
    assert "networkMode=host" in mistake({"containerPortRange": "80-90"}, mode="host")
    assert "up to 100 port ranges" in _hundred_and_one()


def _hundred_and_one() -> str:
    mappings = [{"containerPortRange": f"{n}-{n}", "protocol": "tcp"} for n in range(1, 102)]
    with pytest.raises(ClientMistake) as caught:
        port_rules.check([{"name": "app", "portMappings": mappings}], "bridge")
    return caught.value.message
