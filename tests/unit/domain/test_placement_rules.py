"""Which services may have their zones evened out, in which words others are refused, and what is the default."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.domain import placement_rules
from moorage.domain.errors import InvalidParameter
from moorage.domain.service import DAEMON, EXTERNAL, DeploymentConfiguration, Service
from worlds import service

ZONE = {"type": "spread", "field": "attribute:ecs.availability-zone"}
HOST = {"type": "spread", "field": "instanceId"}
THERE = {"type": "memberOf", "expression": "attribute:ecs.availability-zone in [us-east-1a]"}

RULED_OUT: list[tuple[dict[str, Any], str]] = [
    ({"deployment_configuration": DeploymentConfiguration(maximum_percent=100)}, "maximumPercent <= 100"),
    ({"scheduling_strategy": DAEMON}, "the DAEMON scheduling strategy"),
    ({"controller": EXTERNAL}, "the EXTERNAL deployment controller"),
    (
        {"recorded": {"placementStrategy": [HOST, ZONE]}},
        "a placement strategy that does not begin with a spread over attribute:ecs.availability-zone",
    ),
    ({"placement_constraints": (THERE,)}, "placement constraints on attribute:ecs.availability-zone"),
]


def settled(spec: Service, asked: str | None) -> str:
    found: str = placement_rules.settled_rebalancing(spec, asked).recorded["availabilityZoneRebalancing"]
    return found


@pytest.mark.parametrize(("members", "words"), RULED_OUT)
def test_what_rules_it_out_is_named_and_makes_disabled_the_default(members: dict[str, Any], words: str) -> None:
    spec = replace(service(), **members)
    with pytest.raises(InvalidParameter) as caught:
        settled(spec, "ENABLED")
    assert caught.value.message == f"AvailabilityZoneRebalancing does not support {words}."
    assert settled(spec, None) == "DISABLED"
    assert settled(spec, "DISABLED") == "DISABLED"


@pytest.mark.parametrize("strategies", [[], [ZONE], [ZONE, HOST]])
def test_all_others_have_it_unless_it_is_switched_off(strategies: list[dict[str, str]]) -> None:
    spec = service(recorded={"placementStrategy": strategies})
    assert settled(spec, None) == "ENABLED"
    assert settled(spec, "DISABLED") == "DISABLED"


def test_a_service_that_has_it_cannot_be_changed_into_one_that_rules_it_out() -> None:
    spec = placement_rules.settled_rebalancing(service(), None)
    placement_rules.check_rebalancing(spec)
    with pytest.raises(InvalidParameter, match="maximumPercent <= 100"):
        placement_rules.check_rebalancing(
            replace(spec, deployment_configuration=DeploymentConfiguration(maximum_percent=100))
        )
