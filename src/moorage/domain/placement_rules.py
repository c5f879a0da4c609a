"""What ECS asks of placement constraints and strategies before it takes them. They are for the EC2 launch type only.

Where tasks then go is decided in `planning.placement`. Whether zones may be evened out is asked here as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from moorage.domain import cluster_query
from moorage.domain.capacity import AVAILABILITY_ZONE
from moorage.domain.cluster_query import InvalidQuery
from moorage.domain.errors import ClientMistake, InvalidParameter
from moorage.domain.service import DAEMON, DISABLED, ENABLED, EXTERNAL, Service
from moorage.domain.service_rules import EC2, FARGATE

MAX_CONSTRAINTS: Final = 10
MAX_STRATEGIES: Final = 5
DISTINCT: Final = "distinctInstance"
MEMBER: Final = "memberOf"
BY_ZONE: Final = f"attribute:{AVAILABILITY_ZONE}"
_FIELDS: Final = {"binpack": ("cpu", "memory"), "spread": ("instanceid", "host")}


def constraints(
    given: Sequence[Mapping[str, Any]], launch_type: str, scheduling: str = ""
) -> tuple[dict[str, Any], ...]:
    """The constraints, if they can be evaluated. InvalidParameter."""
    if given and launch_type != EC2:
        raise InvalidParameter(f"Placement constraints are not supported with {launch_type} launch type.")
    if len(given) > MAX_CONSTRAINTS:
        raise InvalidParameter(f"There can be at most {MAX_CONSTRAINTS} placement constraints.")
    check_expressions(given)
    if scheduling == DAEMON and any(each.get("type") == DISTINCT for each in given):
        raise InvalidParameter("The daemon scheduling strategy does not support the distinctInstance constraint.")
    return tuple(dict(each) for each in given)


def check_expressions(given: Iterable[Mapping[str, Any]]) -> None:
    """Raise InvalidParameter unless every memberOf has an expression that can be read, and no other has one."""
    for each in given:
        kind, expression = each.get("type"), each.get("expression")
        if kind == DISTINCT and expression is not None:
            raise InvalidParameter("A placement constraint of type distinctInstance cannot have an expression.")
        if kind not in (DISTINCT, MEMBER) or (kind == MEMBER and not expression):
            raise InvalidParameter("A placement constraint must be distinctInstance, or memberOf with an expression.")
        try:
            cluster_query.read(expression or "agentConnected == true")
        except InvalidQuery as error:
            raise InvalidParameter(f"Invalid placement constraint expression '{expression}': {error}.") from error


def check_definition(document: Mapping[str, Any]) -> None:
    """Raise InvalidParameter or ClientMistake unless a task definition can have its constraints."""
    given = document.get("placementConstraints", ())
    check_expressions(given)
    if given and FARGATE in document.get("requiresCompatibilities", ()):
        raise ClientMistake("Placement constraints are not supported with FARGATE launch type.")


def check_strategies(given: Sequence[Mapping[str, Any]], launch_type: str, scheduling: str = "") -> None:
    """Raise InvalidParameter unless the strategies are ones that ECS knows."""
    if given and launch_type != EC2:
        raise InvalidParameter(f"Placement strategies are not supported with {launch_type} launch type.")
    if given and scheduling == DAEMON:
        raise InvalidParameter("The daemon scheduling strategy does not support placement strategies.")
    if len(given) > MAX_STRATEGIES:
        raise InvalidParameter(f"There can be at most {MAX_STRATEGIES} placement strategies.")
    for each in given:
        field = each.get("field", "").lower()
        known = _FIELDS.get(each.get("type", ""), ("",))
        if field not in known and not (each.get("type") == "spread" and field.startswith("attribute:")):
            raise InvalidParameter(f"The placement strategy {each.get('type')} cannot have the field '{field}'.")


def settled_rebalancing(service: Service, asked: str | None) -> Service:
    """The new service; ENABLED if nothing is asked for and the rest of it does not rule that out. InvalidParameter."""
    default = DISABLED if _rules_out(service) else ENABLED
    settled = replace(service, recorded={**service.recorded, "availabilityZoneRebalancing": asked or default})
    check_rebalancing(settled)
    return settled


def check_rebalancing(service: Service) -> None:
    """Raise InvalidParameter where zones shall be evened out, and the rest of the service rules that out."""
    obstacle = _rules_out(service)
    if service.rebalances and obstacle:
        raise InvalidParameter(f"AvailabilityZoneRebalancing does not support {obstacle}.")


def _rules_out(service: Service) -> str:
    """What of the service its zones cannot be evened out with (developer guide, "Balancing an Amazon ECS service across
    Availability Zones"); empty when nothing is. The words of the first are those of ECS, the others follow them.
    """
    strategies = service.placement_strategy
    if service.deployment_configuration.maximum_percent <= 100:
        return "maximumPercent <= 100"
    if service.scheduling_strategy == DAEMON:
        return "the DAEMON scheduling strategy"
    if service.controller == EXTERNAL:
        return "the EXTERNAL deployment controller"
    if strategies and (strategies[0].get("type"), strategies[0].get("field", "").lower()) != ("spread", BY_ZONE):
        return f"a placement strategy that does not begin with a spread over {BY_ZONE}"
    if any(BY_ZONE in each.get("expression", "") for each in service.placement_constraints):
        return f"placement constraints on {BY_ZONE}"
    return ""
