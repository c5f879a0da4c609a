"""Targets and policies of ECS services; what scales them is the engine's."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from moorage.domain.changes import Put
from moorage.domain.scaling import ScalableTarget, ScalingActivity, ScalingPolicy
from worlds import HOME, NOON, service

WEB = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/demo/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "TargetValue": 50.0,
}
TRACKING = {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}


@pytest.fixture
def served(serve: Any) -> Any:
    served = serve()
    served.write(Put(service()))
    return served


@pytest.fixture
def scaler(served: Any) -> Any:
    return served.client("application-autoscaling", region=HOME[1], account=HOME[0])


def test_a_target_is_registered_changed_described_and_deregistered(scaler: Any, served: Any) -> None:
    arn = scaler.register_scalable_target(**WEB, MinCapacity=1, MaxCapacity=4, Tags={"a": "1"})["ScalableTargetARN"]
    paused = {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert scaler.register_scalable_target(**WEB, MaxCapacity=6, SuspendedState=paused)["ScalableTargetARN"] == arn
    (found,) = scaler.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert found.pop("CreationTime") is not None
    assert found == {
        **WEB,
        "MinCapacity": 1,
        "MaxCapacity": 6,
        "RoleARN": f"arn:aws:iam::{HOME[0]}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
        "SuspendedState": paused,
        "ScalableTargetARN": arn,
    }
    scaler.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    scaler.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaler.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    scaler.put_scaling_policy(**WEB, **TRACKING, TargetTrackingScalingPolicyConfiguration=CPU)
    scaler.deregister_scalable_target(**WEB)
    assert scaler.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    world = served.world()
    assert not any(list(world.all(kind)) for kind in (ScalableTarget, ScalingPolicy))
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        scaler.deregister_scalable_target(**WEB)


def test_a_policy_is_put_described_and_deleted(scaler: Any) -> None:
    scaler.register_scalable_target(**WEB, MinCapacity=1, MaxCapacity=4)
    put = scaler.put_scaling_policy(**WEB, **TRACKING, TargetTrackingScalingPolicyConfiguration=CPU)
    again = scaler.put_scaling_policy(
        **WEB, **TRACKING, TargetTrackingScalingPolicyConfiguration={**CPU, "TargetValue": 60.0}
    )
    assert again["PolicyARN"] == put["PolicyARN"]
    assert put["PolicyARN"].endswith(":resource/ecs/service/demo/web:policyName/cpu")
    steps = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
    scaler.put_scaling_policy(**WEB, PolicyName="more", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps)
    pages = scaler.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="ecs", MaxResults=1)
    found = {policy["PolicyName"]: policy for page in pages for policy in page["ScalingPolicies"]}
    assert found["cpu"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
    assert found["more"]["StepScalingPolicyConfiguration"] == steps
    scaler.delete_scaling_policy(**WEB, PolicyName="cpu")
    named = scaler.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=["cpu", "more"])["ScalingPolicies"]
    assert [policy["PolicyName"] for policy in named] == ["more"]


def test_activities_are_told_with_the_latest_first(scaler: Any, served: Any) -> None:
    for number in range(3):
        at = NOON.replace(minute=number)
        served.write(Put(ScalingActivity(*HOME, WEB["ResourceId"], f"id{number}", number, number + 1, "why", at)))
    pages = scaler.get_paginator("describe_scaling_activities").paginate(ServiceNamespace="ecs", MaxResults=2)
    found = [activity for page in pages for activity in page["ScalingActivities"]]
    assert [activity["ActivityId"] for activity in found] == ["id2", "id1", "id0"]
    assert (found[0]["Description"], found[0]["Cause"]) == ("Setting desired count to 3.", "why")


@pytest.mark.parametrize(
    ("operation", "given", "says"),
    [
        ("register_scalable_target", {"MinCapacity": 1}, "both minimum and maximum"),
        ("register_scalable_target", {"MinCapacity": 3, "MaxCapacity": 1}, "less than"),
        (
            "register_scalable_target",
            {"ResourceId": "service/demo/none", "MinCapacity": 1, "MaxCapacity": 2},
            "doesn't",
        ),
        ("register_scalable_target", {"ResourceId": "web", "MinCapacity": 1, "MaxCapacity": 2}, "service/<cluster>"),
        ("put_scaling_policy", TRACKING, "No scalable target"),
    ],
)
def test_what_cannot_be_scaled_is_refused(
    scaler: Any, refused: Callable[..., Any], operation: str, given: dict[str, Any], says: str
) -> None:
    assert says in refused(getattr(scaler, operation), **{**WEB, **given})[1]


def test_a_policy_that_would_never_act_is_refused_by_name(scaler: Any, refused: Callable[..., Any]) -> None:
    scaler.register_scalable_target(**WEB, MinCapacity=1, MaxCapacity=4)

    def said(**given: Any) -> str:
        message: str = refused(scaler.put_scaling_policy, **WEB, PolicyName="p", **given)[1]
        return message

    balanced = {**CPU, "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}
    kind = {"PolicyType": "TargetTrackingScaling"}
    assert "ALBRequestCountPerTarget" in said(**kind, TargetTrackingScalingPolicyConfiguration=balanced)
    assert "exactly one metric" in said(**kind, TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0})
    assert "PredictiveScaling" in said(PolicyType="PredictiveScaling")
    assert "step" in said(StepScalingPolicyConfiguration={"AdjustmentType": "ExactCapacity"})
