"""Which tasks that failed their health checks go now, and which stay until others have taken their place.

Where `maximumPercent` and the machine leave room a replacement starts first, and the sick task goes once that is
healthy; where they do not, sick tasks go one at a time. Source: Amazon ECS developer guide, "Amazon ECS services";
what it leaves open: decision 219.
"""

from moorage.domain import service as words
from moorage.domain.service import Deployment
from moorage.planning import rollout
from moorage.planning import service_draft as moves
from moorage.planning.service_draft import Seen, ServiceDraft


def staying(draft: ServiceDraft, primary: Deployment, sick: list[Seen], new: list[Seen], old: list[Seen]) -> list[Seen]:
    """Count the `sick` tasks of the deployment as failures, stop those that are due, and give those that stay.

    `new` are the others of the deployment, `old` those of the deployments before it.
    """
    moves.count_once(draft, sick)
    by_age = list(reversed(moves.oldest_last(sick)))
    going = by_age[: _due(draft, primary, len(sick), new, old)]
    moves.give_up(draft, going)
    return [seen for seen in sick if seen not in going]


def _due(draft: ServiceDraft, primary: Deployment, sick: int, new: list[Seen], old: list[Seen]) -> int:
    """How many sick tasks are due: those that healthy ones make dispensable, or one that has to make room.

    A deployment that failed starts nothing, so there is nothing to wait for.
    """
    if sick == 0 or draft.rollouts[primary.id].state == words.FAILED:
        return sick
    others = [*new, *old]
    healthy = sum(seen.healthy for seen in others)
    dispensable = min(sick, sick + healthy - draft.desired)
    if dispensable > 0:
        return dispensable
    others_are_up = healthy == len(others)
    return 1 if others_are_up and not _has_place(draft, primary, len(others) + sick) else 0


def _has_place(draft: ServiceDraft, primary: Deployment, live: int) -> bool:
    """Whether a replacement could start beside the live tasks: one that waits for its time counts as if it could."""
    if live >= rollout.ceiling_of(draft.desired, draft.service.deployment_configuration):
        return False
    return moves.startable(draft, primary, 1) > 0 or not draft.unplaceable
