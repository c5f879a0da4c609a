"""Capacity provider strategies: which are valid, and which provider each task of one goes to by base and weight.

Every provider is this machine; a task only says which one it was given. Source: Amazon ECS API reference,
CapacityProviderStrategyItem.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from moorage.domain.errors import InvalidParameter

Strategy = tuple[dict[str, Any], ...]

FARGATE: Final = frozenset({"FARGATE", "FARGATE_SPOT"})
MAX_PROVIDERS: Final = 20
MAX_BASE: Final = 100_000
MAX_WEIGHT: Final = 1_000

NOT_ASSOCIATED: Final = (
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the "
    "cluster. Associate the capacity provider with the cluster and try again."
)
MIXED: Final = (
    "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate "
    "providers. Specify one or the other and try again."
)
NO_WEIGHT: Final = (
    "There are no capacity providers with a weight value greater than zero defined in the {} capacity provider "
    "strategy. At least one capacity provider must have a weight value greater than zero specified."
)


def read(given: Iterable[Mapping[str, Any]], associated: Collection[str], kind: str = "specified") -> Strategy:
    """The strategy with base and weight filled in, 0 each. `kind` is "default" for that of a cluster.

    InvalidParameter for providers that the cluster has not, for both sorts at once, for more than one base, for
    several providers of which none has a weight, and for numbers beyond the documented ranges.
    """
    strategy = tuple({"weight": 0, "base": 0, **each} for each in given)
    names = [each["capacityProvider"] for each in strategy]
    if len(names) > MAX_PROVIDERS:
        raise InvalidParameter(f"A capacity provider strategy can contain a maximum of {MAX_PROVIDERS} providers.")
    if len(set(names)) < len(names):
        raise InvalidParameter("A capacity provider strategy cannot contain a capacity provider more than once.")
    if any(name not in associated for name in names):
        raise InvalidParameter(NOT_ASSOCIATED)
    if 0 < sum(name in FARGATE for name in names) < len(names):
        raise InvalidParameter(MIXED)
    _check_numbers(strategy)
    if len(strategy) > 1 and not any(each["weight"] for each in strategy):
        raise InvalidParameter(NO_WEIGHT.format(kind))
    return strategy


def _check_numbers(strategy: Strategy) -> None:
    if sum(each["base"] > 0 for each in strategy) > 1:
        raise InvalidParameter("Only one capacity provider in a capacity provider strategy can have a base defined.")
    for each in strategy:
        if not 0 <= each["base"] <= MAX_BASE:
            raise InvalidParameter(f"The base of a capacity provider must be between 0 and {MAX_BASE}.")
        if not 0 <= each["weight"] <= MAX_WEIGHT:
            raise InvalidParameter(f"The weight of a capacity provider must be between 0 and {MAX_WEIGHT}.")


def providers(strategy: Sequence[Mapping[str, Any]], held: Iterable[str], count: int) -> list[str]:
    """The providers of `count` more tasks beside those that have the providers `held`: [] without a strategy.

    First the base of the one that has it; beyond it the provider comes next that has the least for its weight, the
    first of those that are alike. Without any weight (one provider alone) it is that one.
    """
    if not strategy:
        return []
    has, chosen = Counter(held), list[str]()
    for _ in range(count):
        name = _next(strategy, has)
        has[name] += 1
        chosen.append(name)
    return chosen


def _next(strategy: Sequence[Mapping[str, Any]], has: Mapping[str, int]) -> str:
    def beyond(each: Mapping[str, Any]) -> float:
        """The share that it would have for each unit of its weight with one more, without its base."""
        more: int = has.get(each["capacityProvider"], 0) + 1 - each["base"]
        weight: int = each["weight"]
        return more / weight

    short = (each for each in strategy if has.get(each["capacityProvider"], 0) < each["base"])
    first = next(short, None)
    weighty = [each for each in strategy if each["weight"]]
    if first is None:
        first = min(weighty, key=beyond) if weighty else strategy[0]
    name: str = first["capacityProvider"]
    return name
