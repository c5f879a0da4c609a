"""Where new tasks are put, and which tasks go first: placement strategies over any number of places.

A place is a subnet, with its availability zone, on a container instance; Fargate has places without instances. Which
places there are and what is left of them is said in `candidates`. Source: Amazon ECS developer guide,
"Use strategies to define Amazon ECS task placement"; what it leaves open is in decision 191.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from moorage.domain.capacity import AVAILABILITY_ZONE
from moorage.domain.network import Subnet
from moorage.domain.placement_rules import BY_ZONE
from moorage.domain.task import Task

Draw = Callable[[int], int]
"""A number below the one that is given, by chance."""

Strategies = Sequence[Mapping[str, Any]]

T = TypeVar("T")

BALANCED: Final[Strategies] = ({"type": "spread", "field": BY_ZONE}, {"type": "spread", "field": "instanceId"})
"""Where no strategy is asked for."""


@dataclass(frozen=True)
class Place:
    """Somewhere a task may be, or is; "" is what it has not. `cpu` and `memory`: what is left there, None: unknown."""

    zone: str = ""
    subnet: str = ""
    instance: str = ""
    vpc: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None

    def value(self, name: str) -> str:
        """That of a field of strategies, whose names are taken in any case."""
        key = name.lower().removeprefix("attribute:")
        if key == AVAILABILITY_ZONE:
            return self.zone or self.attributes.get(AVAILABILITY_ZONE, "")
        if key in ("instanceid", "host"):
            return self.instance
        return next((value for each, value in self.attributes.items() if each.lower() == key), "")

    def fits(self, wish: "Wish") -> bool:
        """Whether there is enough left for one more."""
        pairs = ((self.cpu, wish.cpu), (self.memory, wish.memory))
        return all(left is None or left >= needed for left, needed in pairs)

    def less(self, wish: "Wish") -> "Place":
        """What is left when one more is there."""
        cpu, memory = self.cpu, self.memory
        return replace(
            self,
            cpu=None if cpu is None else cpu - wish.cpu,
            memory=None if memory is None else memory - wish.memory,
        )


@dataclass(frozen=True)
class Wish:
    """What is asked for each task: the strategies in their order, an instance of its own, so much CPU and memory."""

    strategies: Strategies = ()
    distinct: bool = False
    cpu: int = 0
    memory: int = 0


def choose(places: Sequence[Place], taken: Sequence[Place], wish: Wish, count: int, draw: Draw) -> list[Place]:
    """Places for `count` more tasks beside those that are at `taken`; fewer where there is no place for more.

    Every strategy narrows the choice that the one before left. Of what is left over, the emptiest zone comes first,
    then its emptiest subnet, then the names.
    """
    open_, used, chosen = list(places), list(taken), list[Place]()
    for _ in range(count):
        full = {place.instance for place in used} if wish.distinct else set()
        fitting = [place for place in open_ if place.fits(wish) and place.instance not in full]
        if not fitting:
            break
        best = _best(fitting, used, wish.strategies or BALANCED, draw)
        chosen.append(best)
        used.append(best)
        open_ = [place.less(wish) if place.instance == best.instance else place for place in open_]
    return chosen


def first_to_go(tasks: Sequence[Place], staying: Sequence[Place], strategies: Strategies, draw: Draw) -> int:
    """Which of `tasks` stops, by its index, where those at `staying`, itself among them, are left: the one that leaves
    the best spread, the instance with the most to give, or any; of those that are alike the first.
    """
    left = list(range(len(tasks)))
    for strategy in strategies or BALANCED:
        match strategy.get("type"):
            case "spread":
                left = _least(left, [-_beside(tasks[at], staying, strategy) for at in left])
            case "binpack":
                left = _least(left, [-_remaining(tasks[at], strategy) for at in left])
            case _:
                return left[draw(len(left))]
    return left[0]


def places(subnets: Sequence[Subnet], instances: Sequence[Place] = (Place(),)) -> list[Place]:
    """Every subnet, on every instance; without subnets the instances."""
    if not subnets:
        return list(instances)
    return [
        replace(instance, zone=spot.zone, subnet=spot.id, vpc=spot.vpc) for instance in instances for spot in subnets
    ]


def placed(tasks: Sequence[Task], chosen: Sequence[Place]) -> list[Task]:
    """The tasks, each in the subnet of its place and so in its zone; as they are where they have no subnets."""
    return [
        replace(task, subnet=place.subnet, availability_zone=place.zone, vpc=place.vpc) if place.subnet else task
        for task, place in zip(tasks, chosen, strict=True)
    ]


def _best(fitting: list[Place], used: Sequence[Place], strategies: Strategies, draw: Draw) -> Place:
    left = fitting
    for strategy in strategies:
        match strategy.get("type"):
            case "spread":
                left = _least(left, [_beside(place, used, strategy) for place in left])
            case "binpack":
                left = _least(left, [_remaining(place, strategy) for place in left])
            case _:
                return left[draw(len(left))]
    zones = Counter(place.zone for place in used)
    subnets = Counter(place.subnet for place in used)
    return min(left, key=lambda p: (zones[p.zone], p.zone, subnets[p.subnet], p.subnet, p.instance))


def _beside(place: Place, used: Sequence[Place], strategy: Mapping[str, Any]) -> int:
    """How many of the used places are like this one in what the strategy spreads over."""
    name = strategy.get("field", "")
    return sum(each.value(name) == place.value(name) for each in used)


def _remaining(place: Place, strategy: Mapping[str, Any]) -> int:
    left = place.cpu if str(strategy.get("field", "")).lower() == "cpu" else place.memory
    return left or 0


def _least(items: list[T], measures: list[int]) -> list[T]:
    lowest = min(measures)
    return [each for each, measure in zip(items, measures, strict=True) if measure == lowest]
