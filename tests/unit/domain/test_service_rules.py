"""What a service may ask for, and what this machine can run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.domain import service_rules
from moorage.domain.errors import InvalidParameter, Unsupported
from moorage.domain.service import CircuitBreaker, DeploymentConfiguration
from moorage.domain.task_definition import ACTIVE, TaskDefinition

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def definition(**document: Any) -> TaskDefinition:
    whole = {"networkMode": "awsvpc", "compatibilities": ["EC2", "FARGATE"], "containerDefinitions": [], **document}
    return TaskDefinition("1", "r", "api", 1, ACTIVE, NOW, "", whole)


def test_members_that_are_not_given_stay() -> None:
    current = DeploymentConfiguration(maximum_percent=150, minimum_healthy_percent=50, breaker=CircuitBreaker(True))
    changed = service_rules.deployment_configuration({"maximumPercent": 300}, current)
    assert changed == DeploymentConfiguration(300, 50, CircuitBreaker(True))


@pytest.mark.parametrize(("low", "high"), [(100, 100), (-1, 200), (200, 150), (0, 0)])
def test_percentages_that_leave_no_room_are_refused(low: int, high: int) -> None:
    document = {"minimumHealthyPercent": low, "maximumPercent": high}
    with pytest.raises(InvalidParameter):
        service_rules.deployment_configuration(document, DeploymentConfiguration())


def test_awsvpc_needs_a_network_configuration() -> None:
    with pytest.raises(InvalidParameter, match="must be provided when networkMode 'awsvpc'"):
        service_rules.network(None, definition())


@pytest.mark.parametrize("mode", ["bridge", "host", "none"])
def test_other_modes_must_not_have_a_network_configuration(mode: str) -> None:
    with pytest.raises(InvalidParameter, match="not valid for the given networkMode"):
        service_rules.network(NETWORK, definition(networkMode=mode))


def test_the_network_configuration_gets_its_defaults() -> None:
    found = service_rules.network(NETWORK, definition())
    expected = {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "DISABLED"}
    assert found == {"awsvpcConfiguration": expected}


@pytest.mark.parametrize(("member", "count"), [("subnets", 0), ("subnets", 17), ("securityGroups", 6)])
def test_subnets_and_groups_have_limits(member: str, count: int) -> None:
    configuration = {"subnets": ["s"], member: [str(number) for number in range(count)]}
    with pytest.raises(InvalidParameter, match=member):
        service_rules.network({"awsvpcConfiguration": configuration}, definition())


def test_the_host_network_mode_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="networkMode host"):
        service_rules.check_runs_here(definition(networkMode="host"), "EC2")


@pytest.mark.parametrize("mode", ["bridge", "none", None])
def test_other_network_modes_run_on_ec2_and_not_on_fargate(mode: str | None) -> None:
    service_rules.check_runs_here(definition(networkMode=mode), "EC2")
    with pytest.raises(InvalidParameter, match="does not support launch_type FARGATE"):
        service_rules.check_runs_here(definition(networkMode=mode, compatibilities=["EC2"]), "FARGATE")


def test_windows_is_refused_by_name() -> None:
    windows = definition(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"})
    with pytest.raises(Unsupported, match="WINDOWS_SERVER_2022_CORE"):
        service_rules.check_runs_here(windows, "EC2")


@pytest.mark.parametrize("launch_type", ["EXTERNAL", "MANAGED_INSTANCES"])
def test_a_launch_type_that_there_is_not_is_refused_by_name(launch_type: str) -> None:
    with pytest.raises(Unsupported, match=launch_type):
        service_rules.check_runs_here(definition(), launch_type)


def test_fargate_runs_only_what_is_compatible() -> None:
    with pytest.raises(InvalidParameter, match="does not support launch_type FARGATE"):
        service_rules.check_runs_here(definition(compatibilities=["EC2"]), "FARGATE")


def test_platform_versions_are_fargates() -> None:
    assert service_rules.platform_version("FARGATE", None) == "1.4.0"
    assert service_rules.platform_version("FARGATE", "LATEST") == "1.4.0"
    assert service_rules.platform_version("EC2", None) is None
    with pytest.raises(InvalidParameter, match="must be null"):
        service_rules.platform_version("EC2", "1.4.0")
    with pytest.raises(Unsupported, match=r"1\.3\.0"):
        service_rules.platform_version("FARGATE", "1.3.0")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x" * 256])
def test_names_are_letters_digits_hyphens_and_underscores(name: str) -> None:
    with pytest.raises(InvalidParameter):
        service_rules.check_name("Service", name)
