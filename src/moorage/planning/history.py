"""What is remembered of deployments that are over: the last ones of each service, and which of them had completed."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.changes import Delete, Key, Put, Write
from moorage.domain.service import COMPLETED, DEPLOYMENTS_KEPT, Deployment, PastDeployment, Rollout
from moorage.domain.world import World
from moorage.planning import definitions


def retire(world: World, service: Key, over: Iterable[tuple[Deployment, Rollout | None]], now: datetime) -> list[Write]:
    """The writes that turn deployments without tasks into memories, and forget the oldest that are too many."""
    writes: list[Write] = []
    past = world.linked(PastDeployment, "service", service)
    for deployment, rollout in over:
        writes += [Delete(Deployment.table, deployment.key), Delete(Rollout.table, deployment.key)]
        if world.get(AlarmWatch, deployment.key) is not None:
            writes.append(Delete(AlarmWatch.table, deployment.key))
        writes += definitions.disappearing(world, deployment.task_definition, {deployment.key})
        if rollout is not None:
            account, region, cluster, name = service
            past.append(PastDeployment(account, region, cluster, name, deployment.id, deployment, rollout, now))
            writes.append(Put(past[-1]))
    past.sort(key=lambda each: (each.deployment.created_at, each.id))
    kept = {each.key for each in past[-DEPLOYMENTS_KEPT:]}
    forgotten = {each.key for each in past} - kept
    writes = [write for write in writes if write.id[1] not in forgotten or isinstance(write, Delete)]
    return writes + [Delete(PastDeployment.table, key) for key in sorted(forgotten)]


def completed_before(world: World, deployment: Deployment) -> Deployment | None:
    """The nearest predecessor that had completed, whether or not it has tasks still."""
    for before in _predecessors(world, deployment):
        rollout = world.get(Rollout, before.key)
        past = world.get(PastDeployment, before.key)
        state = rollout.state if rollout is not None else past.rollout.state if past is not None else ""
        if state == COMPLETED:
            return before
    return None


def _predecessors(world: World, deployment: Deployment) -> Iterator[Deployment]:
    found: Deployment | None = deployment
    while found is not None and found.replaces is not None:
        key = (*found.service_key, found.replaces)
        past = world.get(PastDeployment, key)
        found = world.get(Deployment, key) or (past.deployment if past is not None else None)
        if found is not None:
            yield found
