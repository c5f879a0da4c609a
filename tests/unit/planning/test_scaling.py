"""How far services are scaled: by a tracked metric, by steps, within bounds, and not while it cools down."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.scaling import STEPS, TRACKING, ScalableTarget, ScalingActivity, ScalingPolicy
from moorage.planning import scaling
from moorage.planning.scaling import Alarm, Measured, Situation, Wish
from worlds import HOME, NOON

PLACE = (*HOME, "service/demo/web")
LOW, HIGH = [10.0] * 15, [90.0] * 15


def policy(kind: str = TRACKING, name: str = "p", **configuration: Any) -> ScalingPolicy:
    whole = {"TargetValue": 50.0, **configuration} if kind == TRACKING else configuration
    return ScalingPolicy(*PLACE, name, kind, whole, NOON, "id")


def steps(*adjustments: tuple[float | None, float | None, int], **more: Any) -> ScalingPolicy:
    names = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
    listed = [
        {name: bound for name, bound in zip(names, bounds, strict=True) if bound is not None}
        | {"ScalingAdjustment": change}
        for *bounds, change in adjustments
    ]
    return policy(STEPS, **{"AdjustmentType": "ChangeInCapacity", "StepAdjustments": listed, **more})


def situation(
    desired: int, *done: ScalingActivity, deploying: bool = False, suspended: tuple[str, ...] = ()
) -> Situation:
    target = ScalableTarget(*PLACE, 1, 10, NOON, "id", "role", suspended)
    return Situation(target, desired, deploying, done, NOON)


def activity(before: int, wanted: int, ago: int) -> ScalingActivity:
    return ScalingActivity(*PLACE, "a", before, wanted, "because", NOON - timedelta(seconds=ago))


def count(wish: Wish | None) -> int | None:
    return None if wish is None else wish.count


def tracked(values: list[float | None], desired: int = 4, *done: ScalingActivity, **more: Any) -> int | None:
    return count(scaling.decide(situation(desired, *done), [Measured(policy(**more), values)]))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (HIGH, 8),
        ([*LOW[:12], 51.0, 51.0, 51.0], 5),
        ([*HIGH[:14], 49.0], None),
        ([*HIGH[:13], None, 90.0], None),
        ([*HIGH[:12], 90.0, 90.0, 500.0], 10),
        (LOW, 1),
        ([10.0] * 12 + [30.0, 20.0, 10.0], 3),
        ([*LOW[:14], 46.0], None),
        ([None, *LOW[:14]], None),
        ([None] * 15, None),
    ],
)
def test_out_after_three_minutes_above_in_after_fifteen_well_below(
    values: list[float | None], wanted: int | None
) -> None:
    assert tracked(values) == wanted


def test_a_change_waits_until_the_last_has_cooled_down() -> None:
    assert tracked(HIGH, 4, activity(2, 4, ago=299)) is None
    assert tracked(HIGH, 4, activity(2, 4, ago=300)) == 8
    assert tracked(HIGH, 4, activity(2, 4, ago=60), ScaleOutCooldown=60) == 8
    assert tracked(HIGH, 4, activity(8, 4, ago=1)) == 8, "after scaling in, scaling out does not wait"
    assert tracked(LOW, 4, activity(2, 4, ago=299)) is None
    assert tracked(LOW, 4, activity(8, 4, ago=299)) is None
    assert tracked(LOW, 4, activity(8, 4, ago=300)) == 1


def test_scaling_in_can_be_switched_off_and_waits_for_deployments() -> None:
    assert tracked(LOW, DisableScaleIn=True) is None
    assert scaling.decide(situation(4, deploying=True), [Measured(policy(), LOW)]) is None
    assert count(scaling.decide(situation(4, deploying=True), [Measured(policy(), HIGH)])) == 8
    for name, values in (("DynamicScalingInSuspended", LOW), ("DynamicScalingOutSuspended", HIGH)):
        assert scaling.decide(situation(4, suspended=(name,)), [Measured(policy(), values)]) is None


def test_one_policy_is_enough_to_scale_out_and_all_are_needed_to_scale_in() -> None:
    low, high, none = (Measured(policy(), values) for values in (LOW, HIGH, [None] * 15))
    assert count(scaling.decide(situation(4), [low, high])) == 8
    assert scaling.decide(situation(4), [low, none]) is None
    assert count(scaling.decide(situation(4), [low, Measured(policy(), [20.0] * 15)])) == 2


def test_a_count_out_of_bounds_is_brought_back_at_once() -> None:
    assert count(scaling.decide(situation(0), [])) == 1
    assert count(scaling.decide(situation(12), [])) == 10
    assert scaling.decide(situation(5), []) is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(100.0, 5), (119.0, 5), (120.0, 7), (500.0, 7), (99.0, None)],
)
def test_a_step_is_picked_by_how_far_the_threshold_was_passed(value: float, wanted: int | None) -> None:
    by = steps((0, 20, 1), (20, None, 3))
    assert count(scaling.decide(situation(4), [Measured(by, alarms=[Alarm("high", value, 100.0)])])) == wanted


@pytest.mark.parametrize(
    ("kind", "adjustment", "more", "wanted"),
    [
        ("ExactCapacity", 7, {}, 7),
        ("ChangeInCapacity", -2, {}, 2),
        ("PercentChangeInCapacity", 50, {}, 6),
        ("PercentChangeInCapacity", 10, {}, 5),
        ("PercentChangeInCapacity", 10, {"MinAdjustmentMagnitude": 3}, 7),
        ("PercentChangeInCapacity", -30, {}, 3),
        ("ChangeInCapacity", 100, {}, 10),
    ],
)
def test_an_adjustment_is_one_of_three_kinds(kind: str, adjustment: int, more: dict[str, int], wanted: int) -> None:
    by = steps((None, None, adjustment), AdjustmentType=kind, **more)
    assert count(scaling.decide(situation(4), [Measured(by, alarms=[Alarm("a", 5.0, 5.0)])])) == wanted


VALUES = st.lists(st.none() | st.floats(0, 1000), min_size=15, max_size=15)


@given(st.integers(0, 30), VALUES, VALUES, st.booleans())
def test_whatever_metrics_say_the_count_stays_within_its_bounds(
    desired: int, one: list[float | None], other: list[float | None], deploying: bool
) -> None:
    found = scaling.decide(
        situation(desired, deploying=deploying), [Measured(policy(), one), Measured(policy(), other)]
    )
    assert found is None or (1 <= found.count <= 10 and found.count != desired and found.cause)
    if found is not None and 1 <= desired <= 10 and found.count < desired:
        assert not deploying
        assert None not in one + other
