"""Which tasks of a former deployment are replaced while another is on its way: those that it lost, with its own.

What serves keeps its strength though the new tasks may never be healthy. Source: Amazon ECS, "improves Service
Availability during Rolling deployments" (November 2025); how losses are told from scaling in: decision 219.
"""

from moorage.domain.service import COMPLETED, Deployment
from moorage.domain.task import StopCode
from moorage.planning import rollout
from moorage.planning import service_draft as moves
from moorage.planning.service_draft import Seen, ServiceDraft


def needed(draft: ServiceDraft, primary: Deployment, new: list[Seen], old: list[Seen]) -> list[Seen]:
    """The replacements that do not serve yet and are still wanted, since too few tasks are healthy."""
    waiting = [seen for seen in old if not seen.healthy and seen.task.created_at >= primary.created_at]
    wanted = draft.desired - sum(seen.healthy for seen in (*new, *old))
    return waiting[: max(0, wanted)]


def restored(draft: ServiceDraft, primary: Deployment, tasks: list[Seen], sick: int) -> int:
    """Start what is lost of the last deployment that completed, as the ceiling allows beside `sick` tasks; how many."""
    if draft.rollouts[primary.id].state == COMPLETED:
        return 0
    former = [seen for seen in tasks if seen.task.deployment_id != primary.id]
    lost = [seen for seen in former if _is_lost(seen, primary)]
    owed = len(lost) - sum(seen.task.created_at >= primary.created_at for seen in former)
    stopping = {write.id[1] for write in draft.writes}
    live = [seen for seen in tasks if seen.live and seen.task.key not in stopping]
    serving = [seen for seen in live if seen.healthy or seen in former]
    room = rollout.ceiling_of(draft.desired, draft.service.deployment_configuration) - len(live)
    count = min(owed, draft.desired - len(serving), room)
    before = _of(draft, lost)
    return len(moves.start(draft, before, count)) if before is not None and count > 0 else 0


def _is_lost(seen: Seen, primary: Deployment) -> bool:
    """Whether the task ended since the deployment began, and not because fewer of it were wanted."""
    stop = seen.stop
    if stop is None or stop.at < primary.created_at:
        return False
    return stop.code != StopCode.SERVICE_SCHEDULER_INITIATED or stop.reason == moves.FAILED_CHECKS


def _of(draft: ServiceDraft, lost: list[Seen]) -> Deployment | None:
    """The newest deployment that lost a task, had completed and is not gone yet."""
    found = []
    for each in {seen.task.deployment_id for seen in lost}:
        deployment = draft.world.get(Deployment, (*draft.service.key, each or ""))
        if deployment is not None and draft.rollouts[deployment.id].state == COMPLETED:
            found.append(deployment)
    return max(found, key=lambda each: (each.created_at, each.id), default=None)
