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
_SUBNET: Final = "subnet:"
"""Stands for a place's subnet, which is no field of strategies."""

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
    open_, used, chosen = list(places), _Tally(taken), list[Place]()
    full = {place.instance for place in taken} if wish.distinct else set[str]()
    for _ in range(count):
        fitting = [place for place in open_ if place.fits(wish) and place.instance not in full]
        if not fitting:
            break
        best = _best(fitting, used, wish.strategies or BALANCED, draw)
        chosen.append(best)
        used.add(best, 1)
        full |= {best.instance} if wish.distinct else set()
        open_ = [place.less(wish) if place.instance == best.instance else place for place in open_]
    return chosen


def leaving(
    tasks: Sequence[Place], staying: Sequence[Place], count: int, strategies: Strategies, draw: Draw
) -> list[int]:
    """Which `count` of `tasks` stop, by their indexes, where those at `staying`, themselves among them, are left.

    One after the other, each so that it leaves the best spread or is on the instance with the most to give, or any; of
    those that are alike the first.
    """
    open_, left, gone = list(range(len(tasks))), _Tally(staying), list[int]()
    while open_ and len(gone) < count:
        first = _first_to_go(tasks, open_, left, strategies or BALANCED, draw)
        open_.remove(first)
        left.add(tasks[first], -1)
        gone.append(first)
    return gone


def _first_to_go(
    tasks: Sequence[Place], open_: list[int], staying: "_Tally", strategies: Strategies, draw: Draw
) -> int:
    left = open_
    for strategy in strategies:
        match strategy.get("type"):
            case "spread":
                left = _least(left, [-staying.like(tasks[at], strategy.get("field", "")) for at in left])
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


class _Tally:
    """How many of some places are alike, by the field that is asked for."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = list(places)
        self._changes: list[tuple[Place, int]] = []
        self._counts: dict[str, Counter[str]] = {}

    def like(self, place: Place, name: str) -> int:
        """The number of places that have this one's value of the field."""
        return self._counted(name)[_value(place, name)]

    def add(self, place: Place, number: int) -> None:
        """One more such place, or one fewer."""
        self._changes.append((place, number))
        for name, counts in self._counts.items():
            counts[_value(place, name)] += number

    def _counted(self, name: str) -> Counter[str]:
        counts = self._counts.get(name)
        if counts is None:
            counts = self._counts[name] = Counter(_value(place, name) for place in self._places)
            for place, number in self._changes:
                counts[_value(place, name)] += number
        return counts


def _value(place: Place, name: str) -> str:
    return place.subnet if name == _SUBNET else place.value(name)


def _best(fitting: list[Place], used: _Tally, strategies: Strategies, draw: Draw) -> Place:
    left = fitting
    for strategy in strategies:
        match strategy.get("type"):
            case "spread":
                left = _least(left, [used.like(place, strategy.get("field", "")) for place in left])
            case "binpack":
                left = _least(left, [_remaining(place, strategy) for place in left])
            case _:
                return left[draw(len(left))]
    return min(left, key=lambda p: (used.like(p, BY_ZONE), p.zone, used.like(p, _SUBNET), p.subnet, p.instance))


def _remaining(place: Place, strategy: Mapping[str, Any]) -> int:
    left = place.cpu if str(strategy.get("field", "")).lower() == "cpu" else place.memory
    return left or 0


def _least(items: list[T], measures: list[int]) -> list[T]:
    lowest = min(measures)
    return [each for each, measure in zip(items, measures, strict=True) if measure == lowest]
