"""How tasks shall be launched: launch type, platform version, capacity provider strategy.

Tasks run on this machine whichever is asked for; what they are told apart by is what callers see and Fargate's rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.domain import service_rules
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.service_rules import EC2, FARGATE, FARGATE_SPOT

PROVIDED = {FARGATE: FARGATE, FARGATE_SPOT: FARGATE}
"""The launch type of tasks by capacity provider; a provider of the user's own has container instances: EC2."""


@dataclass(frozen=True)
class Launch:
    """`strategy` is empty where a launch type was asked for."""

    launch_type: str
    platform_version: str | None
    strategy: tuple[dict[str, Any], ...] = ()


def read(arguments: Mapping[str, Any], cluster: Cluster) -> Launch:
    """The launch that a request asks for, else the cluster's default strategy, else EC2."""
    launch_type = arguments.get("launchType")
    strategy = arguments.get("capacityProviderStrategy") or ()
    if launch_type is not None and strategy:
        raise InvalidParameter("Specifying both a launch type and capacity provider strategy is not supported.")
    if launch_type is None and not strategy:
        strategy = cluster.default_strategy
    return with_strategy(strategy, cluster, launch_type, arguments.get("platformVersion"))


def with_strategy(
    strategy: Sequence[Mapping[str, Any]], cluster: Cluster, launch_type: str | None, version: str | None
) -> Launch:
    """A launch by strategy, or by launch type where there is none."""
    for each in strategy:
        _check_provider(each["capacityProvider"], cluster)
    if strategy and not any(each.get("weight", 0) or each.get("base", 0) for each in strategy) and len(strategy) > 1:
        raise InvalidParameter("A capacity provider strategy must have at least one weight or base above 0.")
    launch_type = PROVIDED.get(strategy[0]["capacityProvider"], EC2) if strategy else (launch_type or EC2)
    filled = tuple({"weight": 0, "base": 0, **each} for each in strategy)
    return Launch(launch_type, service_rules.platform_version(launch_type, version), filled)


def _check_provider(name: str, cluster: Cluster) -> None:
    if name not in cluster.capacity_providers:
        raise InvalidParameter(f"The specified capacity provider '{name}' was not found in cluster {cluster.name}.")
