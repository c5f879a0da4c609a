"""Whether a proxy that ended by itself is started again: the agent in ECS's proxy container does it three times.

Source: docs/reference/service-connect.md section 2.4, APPNET_ENVOY_RESTART_COUNT. After that the container has exited,
and since it is essential its task stops. A restart is noted before it is done, as everything is.
"""

from dataclasses import replace
from typing import Final

from moorage.domain.task import ContainerState, Status, TaskState
from moorage.planning.actions import ContainerObservation
from moorage.planning.situation import Situation

RESTARTS: Final = 3
"""How often the proxy of one task is started again."""

SERVING: Final = frozenset({Status.PENDING, Status.RUNNING})
"""A task that ends needs its proxy no more."""


def is_former(state: ContainerState, observation: ContainerObservation) -> bool:
    """True when what was seen is the end of a run that is over: the next one is noted, and not begun yet."""
    return observation.attempt < state.restarts


def with_restart(situation: Situation, state: TaskState) -> TaskState:
    """The state in which the proxy is to be started again, if it ended by itself and that is not the third time."""
    proxy = situation.proxy
    ended = state.container(proxy.container) if proxy is not None else None
    if ended is None or ended.status != "STOPPED" or ended.restarts >= RESTARTS or not _is_wanted(situation, state):
        return state
    again = replace(
        ended,
        status="PENDING",
        restarts=ended.restarts + 1,
        started_at=None,
        stopped_at=None,
        exit_code=None,
        reason=f"exited with code {ended.exit_code} and was started again ({ended.restarts + 1} of {RESTARTS})",
    )
    containers = tuple(again if each.name == ended.name else each for each in state.containers)
    return replace(state, containers=containers, version=state.version + 1)


def _is_wanted(situation: Situation, state: TaskState) -> bool:
    """Whether the task goes on otherwise: nobody stopped it, its network is there, its own programs have not exited."""
    seen = situation.observation
    if situation.task.stop is not None or state.stop is not None or state.status not in SERVING:
        return False
    essential = {container.name for container in situation.definition.containers if container.essential}
    exited = any(each.status == "STOPPED" and each.name in essential for each in state.containers)
    return seen is not None and seen.address is not None and not exited
