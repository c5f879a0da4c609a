"""What ECS asks of a service or a task before it runs: names, counts, percentages, launch type, network configuration.

Pure checks and defaults; texts are ECS's where they are known (docs/reference/service-connect.md section 3). Which
launch types and network modes this machine can honour is decided here, too, and the rest refused by name.
"""

import re
from collections.abc import Mapping
from typing import Any

from moorage.domain.errors import InvalidParameter, Unsupported
from moorage.domain.service import (
    BOUNDED_PERCENT,
    DAEMON,
    Alarms,
    CircuitBreaker,
    DeploymentConfiguration,
    EarlySuccess,
)
from moorage.domain.task_definition import HOST, TaskDefinition

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")

EC2 = "EC2"
FARGATE = "FARGATE"
FARGATE_SPOT = "FARGATE_SPOT"
PLATFORM_VERSION = "1.4.0"
"""The platform version that LATEST stands for on Linux."""

NO_DESIRED_COUNT = (
    "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and "
    "try again."
)
MAX_SUBNETS = 16
MAX_SECURITY_GROUPS = 5
MAX_ALARMS = 100
"""As many as CloudWatch describes at once."""
MAX_BAKE_MINUTES = 1440


def check_name(what: str, name: str) -> None:
    """Raise InvalidParameter unless `name` can be that of a cluster or service."""
    if not NAME.fullmatch(name):
        raise InvalidParameter(f"{what} name must be 1 to 255 letters, numbers, hyphens and underscores.")


def check_desired_count(count: int) -> None:
    if count < 0:
        raise InvalidParameter("desiredCount must not be negative.")


def desired_count(arguments: Mapping[str, Any], strategy: str, launch_type: str) -> int:
    """The desired count of a new service: REPLICA needs one; a DAEMON's follows from the container instances."""
    count: int | None = arguments.get("desiredCount")
    if strategy == DAEMON:
        if count is not None:
            raise InvalidParameter(NO_DESIRED_COUNT)
        if launch_type != EC2:
            raise InvalidParameter(f"The daemon scheduling strategy does not support the {launch_type} launch type.")
        return 0
    if count is None:
        raise InvalidParameter("desiredCount must be specified for services of scheduling strategy REPLICA.")
    check_desired_count(count)
    return count


def deployment_configuration(document: Mapping[str, Any], current: DeploymentConfiguration) -> DeploymentConfiguration:
    """The configuration with what the document gives; members it omits stay as they are."""
    result = DeploymentConfiguration(
        maximum_percent=document.get("maximumPercent", current.maximum_percent),
        minimum_healthy_percent=document.get("minimumHealthyPercent", current.minimum_healthy_percent),
        breaker=_breaker(document.get("deploymentCircuitBreaker"), current.breaker),
        alarms=_alarms(document.get("alarms"), current.alarms),
        bake_minutes=document.get("bakeTimeInMinutes", current.bake_minutes),
        early=_early(document.get("earlySuccessCriteria"), current.early),
    )
    _check_times(result)
    if result.minimum_healthy_percent < 0 or result.maximum_percent < 0:
        raise InvalidParameter("maximumPercent and minimumHealthyPercent must not be negative.")
    if result.minimum_healthy_percent > 100:
        raise InvalidParameter(
            "minimumHealthyPercent must be between 0 and 100: no more tasks are healthy than desired."
        )
    if result.maximum_percent == 100 and result.minimum_healthy_percent == 100:
        raise InvalidParameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )
    if result.maximum_percent < result.minimum_healthy_percent or result.maximum_percent == 0:
        raise InvalidParameter("maximumPercent must be above 0 and not below minimumHealthyPercent.")
    return result


def _check_times(configuration: DeploymentConfiguration) -> None:
    minutes, early = configuration.bake_minutes, configuration.early
    if minutes is not None and not 0 <= minutes <= MAX_BAKE_MINUTES:
        raise InvalidParameter(f"bakeTimeInMinutes must be between 0 and {MAX_BAKE_MINUTES}.")
    if (
        early is not None
        and early.enabled
        and not configuration.minimum_healthy_percent <= early.healthy_percent <= 100
    ):
        raise InvalidParameter("healthyPercent must be between minimumHealthyPercent and 100.")


def _early(document: Mapping[str, Any] | None, current: EarlySuccess | None) -> EarlySuccess | None:
    """The criteria that a document describes whole; without one they stay."""
    if document is None:
        return current
    needed = {"healthyPercent", "sourceServiceRevisionCleanup"}
    if document["enable"] and not needed <= set(document):
        raise InvalidParameter(
            "healthyPercent and sourceServiceRevisionCleanup must be specified when early success criteria are enabled."
        )
    deferred = document.get("sourceServiceRevisionCleanup") == "DEFERRED"
    return EarlySuccess(document["enable"], document.get("healthyPercent", 100), deferred)


def _alarms(document: Mapping[str, Any] | None, current: Alarms | None) -> Alarms | None:
    """The alarms that a document describes whole; without one they stay. Which of them exist is not asked."""
    if document is None:
        return current
    alarms = Alarms(tuple(dict.fromkeys(document["alarmNames"])), document["enable"], document["rollback"])
    if alarms.enabled and not alarms.names:
        raise InvalidParameter("alarmNames cannot be empty when deployment alarms are enabled.")
    if len(alarms.names) > MAX_ALARMS:
        raise InvalidParameter(f"alarmNames can have at most {MAX_ALARMS} items.")
    return alarms


def _breaker(document: Mapping[str, Any] | None, current: CircuitBreaker) -> CircuitBreaker:
    """The circuit breaker that a document describes whole; without one it stays."""
    if document is None:
        return current
    threshold = document.get("thresholdConfiguration", {})
    defaults = CircuitBreaker()
    breaker = CircuitBreaker(
        enabled=document["enable"],
        rollback=document["rollback"],
        threshold_type=threshold.get("type", defaults.threshold_type),
        threshold=threshold.get("value", defaults.threshold),
        reset=document.get("resetOnHealthyTask", defaults.reset),
    )
    if breaker.threshold < 1:
        raise InvalidParameter("The threshold value of the deployment circuit breaker must be at least 1.")
    if breaker.threshold_type == BOUNDED_PERCENT and breaker.threshold > 100:
        raise InvalidParameter("A BOUNDED_PERCENT threshold of the deployment circuit breaker must not be above 100.")
    return breaker


def platform_version(launch_type: str, given: str | None) -> str | None:
    """The platform version that a task runs on: None on EC2, which has none."""
    if launch_type != FARGATE:
        if given is not None:
            raise InvalidParameter(f"The platform version must be null when specifying an {launch_type} launch type.")
        return None
    if given not in (None, "LATEST", PLATFORM_VERSION):
        raise Unsupported(f"platformVersion {given}", f"use {PLATFORM_VERSION} or LATEST.")
    return PLATFORM_VERSION


def check_runs_here(definition: TaskDefinition, launch_type: str) -> None:
    """Raise InvalidParameter or Unsupported unless this machine can run the task definition so."""
    if launch_type not in (EC2, FARGATE):
        raise Unsupported(f"launchType {launch_type}", "tasks run as EC2 or FARGATE on this machine.")
    if launch_type == FARGATE and FARGATE not in definition.document.get("compatibilities", ()):
        raise InvalidParameter("Task definition does not support launch_type FARGATE.")
    family = operating_system(definition)
    if family != "LINUX":
        raise Unsupported(f"operatingSystemFamily {family}", "tasks run on Linux.")
    if definition.mode == HOST:
        why = "the tasks here never get at this machine's own network: use awsvpc, or bridge with a fixed hostPort."
        raise Unsupported("networkMode host", why)


def network(document: Mapping[str, Any] | None, definition: TaskDefinition) -> dict[str, Any] | None:
    """The network configuration with ECS's defaults, or None; awsvpc needs one, other modes must not have one."""
    configuration = (document or {}).get("awsvpcConfiguration")
    if definition.network_mode != "awsvpc":
        if configuration is not None:
            raise InvalidParameter(
                "Network Configuration is not valid for the given networkMode of this task definition."
            )
        return None
    if configuration is None:
        raise InvalidParameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    subnets, groups = configuration["subnets"], configuration.get("securityGroups", [])
    if not subnets:
        raise InvalidParameter("subnets can not be empty.")
    if len(subnets) > MAX_SUBNETS:
        raise InvalidParameter(f"subnets can have at most {MAX_SUBNETS} items.")
    if len(groups) > MAX_SECURITY_GROUPS:
        raise InvalidParameter(f"securityGroups can have at most {MAX_SECURITY_GROUPS} items.")
    return {
        "awsvpcConfiguration": {
            "subnets": list(subnets),
            "securityGroups": list(groups),
            "assignPublicIp": configuration.get("assignPublicIp", "DISABLED"),
        }
    }


def operating_system(definition: TaskDefinition) -> str:
    family: str = definition.document.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    return family
