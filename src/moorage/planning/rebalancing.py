"""Evens out the zones of a service at rest: a task more in the emptiest zone, then one fewer in the fullest.

The extra tasks are kept in mind by their ids, so that none is taken for surplus before it serves. Sentences: ECS
developer guide, "Availability Zone service rebalancing service event messages"; what it leaves open: decision 192.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from moorage.domain.service import COMPLETED, Deployment
from moorage.domain.task import Task
from moorage.planning import candidates, placement, rollout
from moorage.planning import service_draft as moves
from moorage.planning.placement import Wish
from moorage.planning.service_draft import Seen, ServiceDraft

UNEVEN: Final = 2
"""How many tasks more than the emptiest zone a zone has that gives one up."""
UNDER_WAY: Final = "under way"


def under_way(draft: ServiceDraft, new: list[Seen]) -> list[Seen]:
    """The tasks above the desired count that were started for balance. A change of the count makes them like others."""
    beyond = len(new) - draft.desired
    extra = [seen for seen in new if seen.task.id in draft.progress.rebalancing]
    if not draft.service.rebalances or beyond <= 0 or beyond > len(extra):
        extra = []
    extra = extra[:beyond]
    draft.progress = replace(draft.progress, rebalancing=tuple(seen.task.id for seen in extra))
    return extra


def step(draft: ServiceDraft, primary: Deployment, new: list[Seen], extra: list[Seen]) -> bool:
    """Move the zones one step towards balance; True when that started or stopped tasks."""
    if not draft.service.rebalances or draft.rollouts[primary.id].state != COMPLETED:
        return False
    zones = {place.zone for place in candidates.of_service(draft.world, draft.service, primary)}
    if len(zones) < UNEVEN:
        return False
    counts = Counter(dict.fromkeys(zones, 0))
    counts.update(seen.task.availability_zone for seen in new)
    if any(seen.healthy for seen in extra):
        return _stop(draft, primary, new, extra, counts)
    if extra or len(new) != draft.desired or not all(seen.healthy for seen in new):
        return False
    if max(counts.values()) - min(counts.values()) < UNEVEN:
        if draft.progress.imbalance:
            draft.tell(f"is AZ balanced with {_said(counts, ' tasks')}.")
            draft.progress = replace(draft.progress, imbalance="")
        return False
    return _start(draft, primary, new, counts)


def moved_to(counts: Mapping[str, int], movable: Mapping[str, int]) -> list[str]:
    """The zones that get a task each until no zone has two more than another, so far as the fuller ones can give."""
    left, free, found = dict(counts), dict(movable), list[str]()
    while True:
        least = min(left, key=lambda zone: (left[zone], zone))
        giving = [zone for zone in left if free.get(zone, 0) > 0]
        fullest = max(giving, key=lambda zone: (left[zone], zone), default=least)
        if left[fullest] - left[least] < UNEVEN:
            return found
        left[fullest] -= 1
        free[fullest] -= 1
        left[least] += 1
        found.append(least)


def _start(draft: ServiceDraft, primary: Deployment, new: list[Seen], counts: Counter[str]) -> bool:
    wanted = moved_to(counts, Counter(seen.task.availability_zone for seen in new if draft.may_stop(seen)))
    configuration = draft.service.deployment_configuration
    room = rollout.ceiling_of(draft.desired, configuration) - len(new)
    if not wanted:
        return _wait(draft, counts, "the tasks that would go are protected from scale-in")
    if room <= 0:
        percent = configuration.maximum_percent
        return _wait(draft, counts, f"maximumPercent {percent} leaves no room for a task beside {draft.desired}")
    wanted = wanted[: moves.startable(draft, primary, min(len(wanted), room))]
    if not wanted:
        return False
    if draft.progress.imbalance != UNDER_WAY:
        draft.tell(f"is not AZ balanced with {_said(counts, '')}. AZ Rebalancing in progress.")
        draft.progress = replace(draft.progress, imbalance=UNDER_WAY)
    started = [task for zone in dict.fromkeys(wanted) for task in _started(draft, primary, zone, wanted.count(zone))]
    draft.progress = replace(draft.progress, rebalancing=tuple(task.id for task in started))
    return bool(started)


def _started(draft: ServiceDraft, primary: Deployment, zone: str, count: int) -> list[Task]:
    places = [each for each in candidates.of_service(draft.world, draft.service, primary) if each.zone == zone]
    taken = candidates.beside(draft.world, primary)
    tasks = moves.launch(draft, primary, placement.choose(places, taken, Wish(), count, draft.draw))
    draft.tell(f"has started {len(tasks)} tasks in {zone} to AZ Rebalance: {moves.listed(tasks)}.")
    return tasks


def _wait(draft: ServiceDraft, counts: Counter[str], why: str) -> bool:
    """Say once that the zones are not even and stay so; ECS has no sentence for it."""
    if draft.progress.imbalance != why:
        draft.tell(f"is not AZ balanced with {_said(counts, '')}. AZ Rebalancing waits: {why}.")
        draft.progress = replace(draft.progress, imbalance=why)
    return False


def _stop(draft: ServiceDraft, primary: Deployment, new: list[Seen], extra: list[Seen], counts: Counter[str]) -> bool:
    """Stop a task for each extra one that serves: in the fullest zone, of those that nobody protects, the youngest."""
    serving = [seen for seen in extra if seen.healthy]
    spare = sum(seen.healthy for seen in new) - draft.desired
    going: list[Seen] = []
    for _ in range(min(len(serving), spare)):
        open_ = [seen for seen in moves.oldest_last(new) if draft.may_stop(seen) and seen not in going]
        pool = [seen for seen in open_ if seen not in extra] or [seen for seen in open_ if seen.healthy]
        if not pool:
            break
        first = max(pool, key=lambda seen: counts[seen.task.availability_zone])
        counts[first.task.availability_zone] -= 1
        going.append(first)
    for zone in sorted({seen.task.availability_zone for seen in going}):
        _stopped(draft, primary, zone, [seen for seen in going if seen.task.availability_zone == zone])
    kept = [seen.task.id for seen in extra if seen not in serving[: len(going)]]
    draft.progress = replace(draft.progress, rebalancing=tuple(kept))
    return bool(going)


def _stopped(draft: ServiceDraft, primary: Deployment, zone: str, going: list[Seen]) -> None:
    moves.end(draft, going, moves.scaling(primary))
    listed = moves.listed(seen.task for seen in going)
    draft.tell(f"has stopped {len(going)} running tasks in {zone} due to AZ rebalancing: {listed}.")


def _said(counts: Mapping[str, int], unit: str) -> str:
    """How many tasks there are in each zone; in one of its two sentences ECS names the unit only once."""
    parts = [f"{counts[zone]}{' tasks' if not at else unit} in {zone}" for at, zone in enumerate(sorted(counts))]
    return f"{', '.join(parts[:-1])}, and {parts[-1]}" if len(parts) > UNEVEN else " and ".join(parts)
