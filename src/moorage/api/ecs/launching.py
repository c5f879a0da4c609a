"""How tasks shall be launched: launch type, platform version, capacity provider strategy.

Tasks run on this machine whichever is asked for; what they are told apart by is what callers see and Fargate's rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.domain import capacity_strategy, service_rules
from moorage.domain.cluster import Cluster
from moorage.domain.errors import InvalidParameter
from moorage.domain.service_rules import EC2, FARGATE


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
    """A launch by strategy, or by launch type where there is none.

    A provider of the user's own has container instances: its tasks are EC2's.
    """
    filled = capacity_strategy.read(strategy, cluster.capacity_providers)
    if filled:
        launch_type = FARGATE if filled[0]["capacityProvider"] in capacity_strategy.FARGATE else EC2
    launch_type = launch_type or EC2
    return Launch(launch_type, service_rules.platform_version(launch_type, version), filled)
