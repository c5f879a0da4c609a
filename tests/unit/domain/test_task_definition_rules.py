"""What can be registered, what cannot and why, and what ECS fills in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import task_definition_rules
from moorage.domain.errors import ClientMistake, DuplicatePortName
from moorage.domain.task_definition_rules import FARGATE_MEMORY

HEALTH = {"command": ["CMD-SHELL", "true"]}


def container(name: str = "app", **members: Any) -> dict[str, Any]:
    return {"name": name, "image": "app", **members}


def document(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"family": "api", "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    return {**base, "containerDefinitions": list(containers) or [container()], **members}


def register(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    wanted = {name: value for name, value in document(*containers, **members).items() if value is not None}
    completed = task_definition_rules.completed(wanted)
    task_definition_rules.check(completed)
    return completed


def mistake(*containers: dict[str, Any], **members: Any) -> str:
    with pytest.raises((ClientMistake, DuplicatePortName)) as caught:
        register(*containers, **members)
    return caught.value.message


def test_defaults_are_filled_in_as_ecs_does() -> None:
    found = register(container(portMappings=[{"containerPort": 80}], healthCheck=HEALTH))
    app = found["containerDefinitions"][0]
    assert app["essential"] is True
    assert app["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert app["healthCheck"] == {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert found["volumes"] == []


def test_what_was_given_is_kept() -> None:
    app = register(container(essential=True, dockerLabels={"a": "b"}, environment=[{"name": "A", "value": "1"}]))
    kept = app["containerDefinitions"][0]
    assert kept["dockerLabels"] == {"a": "b"}
    assert kept["environment"] == [{"name": "A", "value": "1"}]


def test_a_bridge_port_gets_no_host_port_of_its_own() -> None:
    found = register(container(portMappings=[{"containerPort": 80}]), networkMode="bridge")
    assert found["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 0


@pytest.mark.parametrize(
    ("given_cpu", "given_memory", "cpu", "memory"),
    [("1 vCPU", "2 GB", "1024", "2048"), (".5 vcpu", "1GB", "512", "1024"), ("256", "512", "256", "512")],
)
def test_sizes_are_read_in_every_form(given_cpu: str, given_memory: str, cpu: str, memory: str) -> None:
    found = register(cpu=given_cpu, memory=given_memory)
    assert (found["cpu"], found["memory"]) == (cpu, memory)


@pytest.mark.parametrize("text", ["a lot", "", "0", "-1", "1 core"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    assert "Invalid 'cpu' setting for task" in mistake(cpu=text)


def test_containers_must_have_unique_names() -> None:
    assert "'app' is used more than once" in mistake(container(), container())


def test_there_must_be_a_container() -> None:
    wanted = {**document(), "containerDefinitions": []}
    with pytest.raises(ClientMistake, match="Container list cannot be empty"):
        task_definition_rules.check(task_definition_rules.completed(wanted))


def test_a_container_needs_an_image() -> None:
    assert mistake({"name": "app"}) == "Container.image should not be null or empty."


def test_one_container_must_be_essential() -> None:
    assert "essential" in mistake(container(essential=False))


def test_port_names_are_unique_across_the_task() -> None:
    one = container("one", portMappings=[{"name": "http", "containerPort": 80}])
    two = container("two", portMappings=[{"name": "http", "containerPort": 81}])
    assert mistake(one, two) == "When networkMode=awsvpc, port mapping name is already used"


def test_two_containers_of_one_network_cannot_share_a_port() -> None:
    one = container("one", portMappings=[{"containerPort": 80}])
    two = container("two", portMappings=[{"containerPort": 80}])
    assert "Host port 80 (tcp)" in mistake(one, two)


def test_the_same_port_may_be_used_for_tcp_and_udp() -> None:
    ports = [{"containerPort": 53, "protocol": "tcp"}, {"containerPort": 53, "protocol": "udp"}]
    assert len(register(container(portMappings=ports))["containerDefinitions"][0]["portMappings"]) == 2


@pytest.mark.parametrize("mode", ["awsvpc", "host"])
def test_host_and_container_port_must_match(mode: str) -> None:
    ports = [{"containerPort": 80, "hostPort": 8080}]
    text = mistake(container(portMappings=ports), networkMode=mode)
    assert text == f"When networkMode={mode}, the host ports and container ports in port mappings must match."


@pytest.mark.parametrize("name", ["-http", "HTTP", "h" * 65, "a.b"])
def test_a_port_name_that_ecs_does_not_allow_is_refused(name: str) -> None:
    assert name in mistake(container(portMappings=[{"name": name, "containerPort": 80}]))


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    assert "containerPort" in mistake(container(portMappings=[{"containerPort": port}]))


def test_memory_must_be_given_somewhere() -> None:
    assert mistake(container(), memory=None, cpu=None).endswith(
        "At least one of 'memory' or 'memoryReservation' must be specified."
    )
    assert register(container(memory=128), memory=None)["containerDefinitions"][0]["memory"] == 128


def test_a_container_cannot_have_more_memory_than_its_task() -> None:
    assert "greater than for the task" in mistake(container(memory=1024))


def test_a_reservation_cannot_exceed_the_limit() -> None:
    assert "must not be greater than 'memory'" in mistake(container(memory=128, memoryReservation=256))


def test_containers_cannot_reserve_more_cpu_than_their_task() -> None:
    assert "300 CPU units" in mistake(container("one", cpu=150), container("two", cpu=150))


@pytest.mark.parametrize(("member", "value"), [("interval", 4), ("timeout", 61), ("retries", 0), ("startPeriod", 301)])
def test_health_check_numbers_have_bounds(member: str, value: int) -> None:
    assert f"'{member}' must be between" in mistake(container(healthCheck={**HEALTH, member: value}))


@pytest.mark.parametrize("command", [[], ["CMD"], ["curl", "localhost"]])
def test_a_health_check_says_how_it_is_run(command: list[str]) -> None:
    assert "CMD-SHELL" in mistake(container(healthCheck={"command": command}))


def depends(on: str, condition: str = "START") -> dict[str, Any]:
    return {"dependsOn": [{"containerName": on, "condition": condition}]}


def test_a_dependency_must_exist() -> None:
    assert "there is no container 'db'" in mistake(container(**depends("db")))


def test_waiting_for_health_needs_a_health_check() -> None:
    other = container("db")
    assert "needs a health check on container 'db'" in mistake(container(**depends("db", "HEALTHY")), other)
    assert register(container(**depends("db", "HEALTHY")), container("db", healthCheck=HEALTH))


def test_waiting_for_the_end_of_an_essential_container_is_refused() -> None:
    assert "not to be essential" in mistake(container(**depends("init", "SUCCESS")), container("init"))
    assert register(container(**depends("init", "SUCCESS")), container("init", essential=False))


def test_a_cycle_is_named() -> None:
    text = mistake(container("one", **depends("two")), container("two", **depends("one")))
    assert "cycle" in text
    assert "one" in text
    assert "two" in text


def test_fargate_wants_awsvpc_and_sizes_at_the_task() -> None:
    fargate = {"requiresCompatibilities": ["FARGATE"]}
    assert mistake(networkMode="bridge", **fargate) == "Fargate only supports network mode ‘awsvpc’."
    assert mistake(cpu=None, **fargate) == "Fargate requires that 'cpu' be defined at the task level."
    assert mistake(container(memory=128), memory=None, **fargate).startswith("Fargate requires that 'memory'")


@given(cpu=st.sampled_from([128, *FARGATE_MEMORY, 32768]), memory=st.integers(1, 256).map(lambda n: n * 512))
def test_fargate_takes_exactly_its_combinations(cpu: int, memory: int) -> None:
    wanted = document(cpu=str(cpu), memory=str(memory), requiresCompatibilities=["FARGATE"])
    completed = task_definition_rules.completed(wanted)
    if memory in FARGATE_MEMORY.get(cpu, ()):
        task_definition_rules.check(completed)
        assert completed["compatibilities"] == ["EC2", "FARGATE"]
    else:
        with pytest.raises(ClientMistake, match="No Fargate configuration exists for given values"):
            task_definition_rules.check(completed)
        assert completed["compatibilities"] == ["EC2"]


def test_completing_twice_changes_nothing() -> None:
    once = task_definition_rules.completed(document(container(portMappings=[{"containerPort": 80}])))
    assert task_definition_rules.completed(once) == once


def test_awslogs_needs_its_group_and_region() -> None:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}
    assert mistake(container(logConfiguration=logs)) == "Log driver awslogs requires options: awslogs-region"
