"""A task set as DescribeTaskSets shows it, from its records and from what `present_service` counted for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from moorage.api.ecs import tagging
from moorage.api.ecs.output import given
from moorage.domain import arns
from moorage.domain.service import ACTIVE, DRAINING, PRIMARY, Rollout, Service
from moorage.domain.task_set import STABILIZING, STEADY_STATE, TaskSet

UNIT: Final = "PERCENT"


def document(
    service: Service, found: TaskSet, state: Rollout | None, counted: Mapping[str, Any], with_tags: bool
) -> dict[str, Any]:
    """`counted`: what the set is made from, and how many tasks it has."""
    stability, since = _stability(service, found, state, counted)
    return given(
        id=found.id,
        taskSetArn=found.arn,
        serviceArn=service.arn,
        clusterArn=arns.cluster(found.account, found.region, found.cluster),
        externalId=found.external_id,
        status=_status(service, found),
        **counted,
        computedDesiredCount=found.desired_count(service.desired_count),
        createdAt=found.created_at,
        updatedAt=found.updated_at,
        loadBalancers=[],
        scale={"value": found.scale, "unit": UNIT},
        stabilityStatus=stability,
        stabilityStatusAt=since,
        tags=tagging.present(found.tags) if with_tags else [],
    )


def _stability(
    service: Service, found: TaskSet, state: Rollout | None, counted: Mapping[str, Any]
) -> tuple[str, datetime]:
    """What the engine noted, unless a count that was asked for since then is not reached: who asked reads that."""
    if state is None or state.since is None:
        return STABILIZING, found.created_at
    reached = (counted["runningCount"], counted["pendingCount"]) == (found.desired_count(service.desired_count), 0)
    if state.state == STEADY_STATE and not reached:
        return STABILIZING, max(found.updated_at, state.since)
    return state.state, state.since


def _status(service: Service, found: TaskSet) -> str:
    if found.deleted_at is not None or service.deleted_at is not None:
        return DRAINING
    return PRIMARY if found.id == service.deployment_id else ACTIVE
