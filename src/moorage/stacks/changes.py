"""Old against new: which resources to add, change, replace or take away, and why. Pure; nothing is looked up.

The same comparison serves the plan that is shown and the step that is taken: a plan is made while some values are
Unknown, a step when they are known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from moorage.domain.stack import Deployed
from moorage.stacks import blueprint as blueprints
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.nodes import TemplateError
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.scope import unknowns


@dataclass(frozen=True)
class Add:
    """Make a resource."""

    logical_id: str


@dataclass(frozen=True)
class Modify:
    """Change a resource: `because` names the properties; with `replacement` a new one takes its place."""

    logical_id: str
    replacement: bool
    because: tuple[str, ...]


@dataclass(frozen=True)
class Remove:
    """Take a resource away."""

    logical_id: str


Change = Add | Modify | Remove


@dataclass(frozen=True)
class ChangePlan:
    """Changes in waves: those of a wave can be made side by side. Removals come last, in reverse order.

    `goals` is what each added or modified resource is to become, with Unknowns for what is to be made before it.
    """

    waves: tuple[tuple[Change, ...], ...] = ()
    goals: Mapping[str, Deployed] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for wave in self.waves for change in wave)


def plan(existing: Mapping[str, Deployed], blueprint: Blueprint) -> ChangePlan:
    """What turns `existing` into what the blueprint wants. Refuses what no order of steps could bring about."""
    known: dict[str, Deployed | None] = dict(existing)
    goals: dict[str, Deployed] = {}
    waves = [tuple(_wave(wave, known, goals, blueprint)) for wave in blueprint.waves]
    leftover = {name: set(old.depends_on) for name, old in existing.items() if name not in blueprint.wanted}
    removals = [tuple(Remove(name) for name in wave) for wave in reversed(_removal_waves(leftover))]
    return ChangePlan(tuple(wave for wave in (*waves, *removals) if wave), goals)


def _wave(
    names: tuple[str, ...], known: dict[str, Deployed | None], goals: dict[str, Deployed], blueprint: Blueprint
) -> Iterator[Change]:
    for name in names:
        old = known.get(name)
        goal = blueprints.goal(blueprint, name, known)
        change = compare(name, old, goal)
        if change is None:
            continue
        if isinstance(change, Add) or (isinstance(change, Modify) and change.replacement):
            known[name] = None  # its id is not known before it is made
        goals[name] = goal
        yield change


def compare(logical_id: str, old: Deployed | None, goal: Deployed) -> Add | Modify | None:
    """What brings one resource to its goal; None if it is there."""
    if old is None:
        return Add(logical_id)
    if old.type != goal.type:
        raise TemplateError(
            ("Resources", logical_id, "Type"),
            f"Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{logical_id}]",
        )
    names = sorted(set(old.properties) | set(goal.properties))
    because = tuple(name for name in names if old.properties.get(name) != goal.properties.get(name))
    if not because:
        return None
    return Modify(logical_id, TYPES[goal.type].replaces(old.properties, goal.properties), because)


def name_stands_in_the_way(logical_id: str, old: Deployed, goal: Deployed) -> str | None:
    """Why a resource cannot be replaced: the custom name that both would have."""
    name = TYPES[goal.type].name
    if name is None or unknowns(goal.properties.get(name)):
        return None
    custom = goal.properties.get(name)
    if custom is None or custom != old.properties.get(name):
        return None
    return (
        f"CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {custom} and update the stack again."
    )


def kept(old: Deployed, goal: Deployed) -> Deployed:
    """A resource whose properties stay, with what the new template says of its order and policies."""
    return replace(old, depends_on=goal.depends_on, deletion=goal.deletion, replacement=goal.replacement)


def _removal_waves(depends: Mapping[str, set[str]]) -> list[list[str]]:
    """What can go side by side. Resources of different generations may depend on each other in a ring; then all go."""
    left = {name: others & set(depends) for name, others in depends.items()}
    waves: list[list[str]] = []
    while left:
        wave = sorted(name for name, others in left.items() if not others) or sorted(left)
        waves.append(wave)
        left = {name: others.difference(wave) for name, others in left.items() if name not in wave}
    return waves
