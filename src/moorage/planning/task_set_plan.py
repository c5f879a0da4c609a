"""What the task sets of a service need next: which tasks to start and stop in each, and whether it is stable.

The service's deployment controller is EXTERNAL: nothing is rolled here, each set is kept at its own count. Source:
Amazon ECS API reference, TaskSet (computedDesiredCount, stabilityStatus).
"""

from collections.abc import Iterable
from dataclasses import replace

from moorage.domain.changes import Delete
from moorage.domain.service import Deployment, Rollout
from moorage.domain.task_set import STABILIZING, STEADY_STATE, TaskSet
from moorage.planning import definitions
from moorage.planning import service_draft as moves
from moorage.planning.service_draft import Seen, ServiceDraft


def scale(draft: ServiceDraft, deployments: Iterable[Deployment], tasks: list[Seen]) -> None:
    """Move every task set one step towards its count, and let go of those that were deleted and are empty."""
    found = sorted(deployments, key=lambda each: (each.created_at, each.id))
    steady = bool(found)
    for deployment in found:
        mine = [seen for seen in tasks if seen.task.deployment_id == deployment.id]
        task_set = draft.world.get(TaskSet, deployment.key)
        if task_set is not None and task_set.deleted_at is None:
            steady &= _keep(draft, task_set, deployment, mine)
        else:
            _empty(draft, deployment, mine)
            steady = False
    if steady and not draft.progress.steady:
        draft.tell(moves.STEADY)
    draft.progress = replace(draft.progress, steady=steady)


def forget(draft: ServiceDraft, deployments: Iterable[Deployment]) -> None:
    """Delete the records of task sets that have no task any more."""
    for deployment in deployments:
        draft.rollouts.pop(deployment.id, None)
        draft.writes += [Delete(kind.table, deployment.key) for kind in (Deployment, Rollout, TaskSet)]
        draft.writes += definitions.disappearing(draft.world, deployment.task_definition, {deployment.key})


def _keep(draft: ServiceDraft, task_set: TaskSet, deployment: Deployment, mine: list[Seen]) -> bool:
    """Start what is missing and stop what is too many or sick; True when the set is stable."""
    draft.desired = task_set.desired_count(draft.service.desired_count)
    live = [seen for seen in mine if seen.live]
    sick = [seen for seen in live if moves.failed_its_checks(draft, seen)]
    moves.count_once(draft, sick)
    moves.give_up(draft, sick, deployment.id)
    live = [seen for seen in live if seen not in sick]
    surplus = moves.surplus(draft, live, len(live) - draft.desired)
    leaving = moves.leaving(draft, deployment, [seen for seen in live if seen not in surplus])
    moves.stop(draft, [*surplus, *leaving], _scaling(deployment), deployment.id)
    draft.unplaceable = ""
    started = moves.start(draft, deployment, max(0, draft.desired - len(live)))
    stable = not (sick or surplus or leaving or started) and len(live) == draft.desired
    return _note(draft, deployment, stable and all(seen.healthy for seen in live))


def _note(draft: ServiceDraft, deployment: Deployment, stable: bool) -> bool:
    state = draft.rollouts[deployment.id]
    if draft.unplaceable and state.blocked != draft.unplaceable:
        draft.tell(f"was unable to place a task because {draft.unplaceable}.", deployment.id)
    word = STEADY_STATE if stable else STABILIZING
    if word != state.state:
        state = replace(state, state=word, since=draft.now, failed_in_a_row=0 if stable else state.failed_in_a_row)
    draft.rollouts[deployment.id] = replace(state, blocked=draft.unplaceable)
    return stable


def _empty(draft: ServiceDraft, deployment: Deployment, mine: list[Seen]) -> None:
    """Stop what is left of a deleted task set; when all has stopped, the set is gone."""
    moves.stop(draft, [seen for seen in mine if seen.live], _scaling(deployment), deployment.id)
    if all(seen.stopped for seen in mine):
        forget(draft, [deployment])


def _scaling(deployment: Deployment) -> str:
    return f"Scaling activity initiated by (taskSet {deployment.id})"
