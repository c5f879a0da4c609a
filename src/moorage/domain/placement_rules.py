"""What ECS asks of placement constraints and strategies before it takes them. They are for the EC2 launch type only.

Where tasks then go is decided in `planning.capacity`. With one machine a strategy has nothing to choose from.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from moorage.domain import cluster_query
from moorage.domain.cluster_query import InvalidQuery
from moorage.domain.errors import ClientMistake, InvalidParameter
from moorage.domain.service import DAEMON
from moorage.domain.service_rules import EC2, FARGATE

MAX_CONSTRAINTS: Final = 10
MAX_STRATEGIES: Final = 5
DISTINCT: Final = "distinctInstance"
MEMBER: Final = "memberOf"
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
