"""How many tasks a service shall have by its scaling policies, from what its metrics and alarms say.

Source: Application Auto Scaling user guide, "How target tracking scaling works" (out after three minutes above the
target, in after fifteen below nine tenths of it), "How step scaling works" and "Cooldown period"; ECS developer guide,
"Automatically scale your service" (no scaling in during a deployment). What AWS leaves open: decision 216.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from moorage.domain.scaling import STEPS, TRACKING, ScalableTarget, ScalingActivity, ScalingPolicy

MINUTES_OUT: Final = 3
MINUTES_IN: Final = 15
BELOW: Final = 0.9
COOLDOWN: Final = 300
"""Seconds, where a policy names none: ECS's default."""
OUT: Final = "DynamicScalingOutSuspended"
IN: Final = "DynamicScalingInSuspended"


@dataclass(frozen=True)
class Alarm:
    """An alarm in the state ALARM that a step policy acts on: its metric's value and its threshold."""

    name: str
    value: float
    threshold: float


@dataclass(frozen=True)
class Measured:
    """What is known for a policy: the values of whole minutes, the latest last, or alarms that went off."""

    policy: ScalingPolicy
    values: Sequence[float | None] = ()
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True)
class Situation:
    """The service now: its desired count, whether a deployment is under way, and what was done, the latest last."""

    target: ScalableTarget
    desired: int
    deploying: bool
    done: Sequence[ScalingActivity]
    now: datetime


@dataclass(frozen=True)
class Wish:
    """A desired count and why. `cooldown` is the policy's for this direction."""

    count: int
    cause: str
    cooldown: timedelta


def decide(situation: Situation, measured: Sequence[Measured]) -> Wish | None:
    """The count to set now; None: as it is.

    Out goes the largest wish; in goes only what no tracking policy objects to, and then the largest.
    """
    target, desired = situation.target, situation.desired
    if not target.minimum <= desired <= target.maximum:
        bound = "minimum" if desired < target.minimum else "maximum"
        return Wish(_within(target, desired), f"{bound} capacity was set", timedelta())
    wishes = [wish for each in measured if (wish := _wish(each, desired)) is not None]
    outs = [wish for wish in wishes if wish.count > desired]
    ins = [wish for wish in wishes if wish.count < desired]
    objected = any(each.policy.type == TRACKING and _objects(each, desired) for each in measured)
    if outs:
        return _allowed(situation, max(outs, key=lambda wish: wish.count), OUT)
    if ins and not objected and not situation.deploying:
        return _allowed(situation, max(ins, key=lambda wish: wish.count), IN)
    return None


def _allowed(situation: Situation, wish: Wish, suspended: str) -> Wish | None:
    """The wish within the bounds, unless that direction is suspended or cools down."""
    count = _within(situation.target, wish.count)
    if count == situation.desired or suspended in situation.target.suspended:
        return None
    # After scaling in, scaling out need not wait; after either, scaling in does.
    waits = [done for done in situation.done if suspended == IN or done.wanted > done.before]
    last = max((done.started_at for done in waits), default=None)
    if last is not None and situation.now < last + wish.cooldown:
        return None
    return Wish(count, wish.cause, wish.cooldown)


def _within(target: ScalableTarget, count: int) -> int:
    return min(max(count, target.minimum), target.maximum)


def _wish(measured: Measured, desired: int) -> Wish | None:
    if measured.policy.type == STEPS:
        return _by_steps(measured, desired)
    return _by_tracking(measured, desired)


def _by_tracking(measured: Measured, desired: int) -> Wish | None:
    configuration = measured.policy.configuration
    goal = float(configuration["TargetValue"])
    latest = _latest(measured.values, MINUTES_OUT)
    if latest and min(latest) > goal:
        wanted = max(desired + 1, _proportional(desired, latest[-1], goal))
        return Wish(wanted, _above(measured.policy, goal), _cooldown(configuration, "ScaleOutCooldown"))
    longer = _latest(measured.values, MINUTES_IN)
    if longer and max(longer) < BELOW * goal and not configuration.get("DisableScaleIn", False):
        # Of the last minutes the highest: what scales in too far is out again at once.
        wanted = min(desired, _proportional(desired, max(longer[-MINUTES_OUT:]), goal))
        return Wish(wanted, _below(measured.policy, goal), _cooldown(configuration, "ScaleInCooldown"))
    return None


def _objects(measured: Measured, desired: int) -> bool:
    """Whether a tracking policy that may scale in would not: it has no data, or needs what there is."""
    if measured.policy.configuration.get("DisableScaleIn", False):
        return False
    wish = _by_tracking(measured, desired)
    return wish is None or wish.count >= desired


def _proportional(desired: int, value: float, goal: float) -> int:
    return math.ceil(round(desired * value / goal, 6))


def _latest(values: Sequence[float | None], count: int) -> list[float]:
    """So many of the last values; none if one is missing."""
    some = [value for value in values[-count:] if value is not None]
    return some if len(some) == count else []


def _by_steps(measured: Measured, desired: int) -> Wish | None:
    configuration = measured.policy.configuration
    for alarm in measured.alarms:
        step = _step(configuration.get("StepAdjustments", ()), alarm.value - alarm.threshold)
        if step is not None:
            wanted = _adjusted(configuration, int(step["ScalingAdjustment"]), desired)
            cause = f"monitor alarm {alarm.name} in state ALARM triggered policy {measured.policy.name}"
            return Wish(max(0, wanted), cause, _cooldown(configuration, "Cooldown"))
    return None


def _step(steps: Sequence[Mapping[str, Any]], beyond: float) -> Mapping[str, Any] | None:
    """The step in whose interval the difference to the threshold lies: upwards from its lower bound, or downwards."""
    for step in steps:
        low = float(step.get("MetricIntervalLowerBound", -math.inf))
        high = float(step.get("MetricIntervalUpperBound", math.inf))
        if (low <= beyond < high) if beyond >= 0 else (low < beyond <= high):
            return step
    return None


def _adjusted(configuration: Mapping[str, Any], adjustment: int, desired: int) -> int:
    kind = configuration.get("AdjustmentType", "ChangeInCapacity")
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return desired + adjustment
    change = desired * adjustment / 100
    # Between 0 and 1 a whole task, beyond that rounded towards none, and never less than the smallest magnitude.
    size = max(math.floor(abs(change)) or 1, int(configuration.get("MinAdjustmentMagnitude", 0)))
    return desired + (size if adjustment > 0 else -size if adjustment < 0 else 0)


def _cooldown(configuration: Mapping[str, Any], name: str) -> timedelta:
    return timedelta(seconds=int(configuration.get(name, COOLDOWN)))


def _above(policy: ScalingPolicy, goal: float) -> str:
    return f"policy {policy.name}: the metric was above {goal:g} for {MINUTES_OUT} minutes"


def _below(policy: ScalingPolicy, goal: float) -> str:
    return f"policy {policy.name}: the metric was below {BELOW * goal:g} for {MINUTES_IN} minutes"
