"""Which containers that ended by themselves are started again within their task: the proxy, and those with a policy.

The agent in ECS's proxy container starts Envoy three times more (docs/reference/service-connect.md section 2.4,
APPNET_ENVOY_RESTART_COUNT). `restartPolicy`: Amazon ECS developer guide, "Restart individual containers in Amazon ECS
tasks". A restart is noted before it is done, as everything is.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Final

from moorage.domain.task import ContainerState, Status, TaskState
from moorage.domain.task_definition import RestartPolicy
from moorage.planning.actions import ContainerObservation
from moorage.planning.situation import Situation

RESTARTS: Final = 3
"""How often the proxy of one task is started again."""

SERVING: Final = frozenset({Status.PENDING, Status.RUNNING})
"""A task that ends needs none of its containers any more."""


def is_former(state: ContainerState, observation: ContainerObservation) -> bool:
    """True when what was seen is the end of a run that is over: the next one is noted, and not begun yet."""
    return observation.attempt < state.restarts


def with_restart(situation: Situation, state: TaskState) -> TaskState:
    """The state in which what ended and may run once more is to be started, if the task goes on otherwise."""
    policies = {container.name: container.restart for container in situation.definition.containers}
    proxy = situation.proxy.container if situation.proxy else None
    again: dict[str, ContainerState] = {}
    for each in state.containers:
        if each.status != "STOPPED":
            continue
        if each.name == proxy and each.restarts < RESTARTS:
            again[each.name] = _again(each, f" ({each.restarts + 1} of {RESTARTS})")
        elif (policy := policies.get(each.name)) is not None and _is_due(each, policy):
            again[each.name] = _again(each, "")
    if not again or not _is_wanted(situation, state, again):
        return state
    containers = tuple(again.get(each.name, each) for each in state.containers)
    return replace(state, containers=containers, version=state.version + 1)


def _is_due(ended: ContainerState, policy: RestartPolicy) -> bool:
    """Whether it ran for long enough, and did not end in a way that the policy leaves alone."""
    if ended.started_at is None or ended.stopped_at is None or ended.exit_code in policy.ignored:
        return False
    return ended.stopped_at - ended.started_at >= timedelta(seconds=policy.period)


def _again(ended: ContainerState, count: str) -> ContainerState:
    return replace(
        ended,
        status="PENDING",
        restarts=ended.restarts + 1,
        started_at=None,
        stopped_at=None,
        exit_code=None,
        health="UNKNOWN",
        reason=f"exited with code {ended.exit_code} and was started again{count}",
    )


def _is_wanted(situation: Situation, state: TaskState, again: Collection[str]) -> bool:
    """Whether the task goes on otherwise: nobody stopped it, it has its network, what is essential runs or will."""
    seen = situation.observation
    if situation.task.stop is not None or state.stop is not None or state.status not in SERVING:
        return False
    essential = {container.name for container in situation.definition.containers if container.essential}
    essential |= {situation.proxy.container} if situation.proxy else set()
    ended = {each.name for each in state.containers if each.status == "STOPPED"}
    return seen is not None and seen.address is not None and not (ended & essential) - set(again)
