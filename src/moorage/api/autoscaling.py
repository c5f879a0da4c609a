"""Application Auto Scaling of ECS services: targets and policies, which `engine/scaling` acts by, and what it did.

Targets of other services are recorded by the support process, and their answers say so.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from moorage.api import paging
from moorage.api.context import Handler, RequestContext
from moorage.api.support_table import Supported
from moorage.domain import arns, task_role
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.scaling import (
    DIMENSION,
    NAMESPACE,
    STEPS,
    TRACKING,
    ScalableTarget,
    ScalingActivity,
    ScalingPolicy,
)
from moorage.domain.service import Service
from moorage.engine.ports import OperationFailed
from moorage.wire.faults import Fault, Rejected, reject

SERVICE: Final = "application-autoscaling"
PREDEFINED: Final = ("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization")
STATISTICS: Final = ("Average", "Minimum", "Maximum", "SampleCount", "Sum")
PAGE: Final = 50
_ELSEWHERE: Final = "Recorded: nothing but services of ECS is scaled."
_ROLE: Final = (
    "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
)
_RESOURCE = re.compile(r"service/[a-zA-Z0-9_-]{1,255}/[a-zA-Z0-9_-]{1,255}", re.ASCII)
_SUSPENDED: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_FACES: Final = {STEPS: "StepScalingPolicyConfiguration", TRACKING: "TargetTrackingScalingPolicyConfiguration"}


def _of_ecs(ours: Handler) -> Handler:
    """The handler for services of ECS; all else is asked of the support process."""

    async def handler(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
        if given["ServiceNamespace"] == NAMESPACE:
            return await ours(ctx, given)
        try:
            answer = await ctx.ask_support(SERVICE, ctx.operation, given)
        except OperationFailed as failed:
            raise Rejected(Fault(failed.code, failed.message, failed.status)) from failed
        if ctx.operation.startswith(("Register", "Put")):
            ctx.hint(_ELSEWHERE)
        return answer

    return handler


async def register_scalable_target(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    _check_place(given)
    key = (ctx.account, ctx.region, given["ResourceId"])
    world = ctx.world()
    before = world.get(ScalableTarget, key)
    if before is None and not {"MinCapacity", "MaxCapacity"} <= given.keys():
        raise _invalid("You must specify both minimum and maximum capacity when registering a new scalable target.")
    service = world.get(Service, (*key[:2], *given["ResourceId"].split("/")[1:]))
    if service is None or service.deleted_at is not None:
        raise _invalid(f"ECS service doesn't exist: {given['ResourceId']}")
    target = before or ScalableTarget(
        *key,
        minimum=given["MinCapacity"],
        maximum=given["MaxCapacity"],
        created_at=ctx.now(),
        id=f"0ec5{ctx.ids.hex32()[:28]}",
        role_arn=given.get("RoleARN", str(arns.Arn("iam", "", ctx.account, _ROLE))),
        tags=given.get("Tags", {}),
    )
    changed = replace(
        target,
        minimum=given.get("MinCapacity", target.minimum),
        maximum=given.get("MaxCapacity", target.maximum),
        suspended=_suspended(given["SuspendedState"]) if "SuspendedState" in given else target.suspended,
    )
    if not 0 <= changed.minimum <= changed.maximum:
        raise _invalid("Maximum capacity cannot be less than minimum capacity, and neither less than 0.")
    await ctx.store.commit([Put(changed)], {(ScalableTarget.table, key): world.version(ScalableTarget, key)})
    return {"ScalableTargetARN": changed.arn}


def _suspended(state: Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name in _SUSPENDED if state.get(name, False))


async def deregister_scalable_target(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    target, world = _target(ctx, given), ctx.world()
    writes: list[Write] = [Delete(ScalableTarget.table, target.key)]
    writes += [Delete(ScalingPolicy.table, each.key) for each in world.linked(ScalingPolicy, "target", target.key)]
    writes += [Delete(ScalingActivity.table, each.key) for each in world.linked(ScalingActivity, "target", target.key)]
    await ctx.store.commit(writes, {(ScalableTarget.table, target.key): world.version(ScalableTarget, target.key)})
    return {}


async def describe_scalable_targets(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = ctx.world().within(ScalableTarget, ctx.account, ctx.region)
    wanted = given.get("ResourceIds") or [target.resource_id for target in found]
    chosen = [target for target in found if target.resource_id in wanted]
    some = paging.page(chosen, lambda target: target.resource_id, given.get("MaxResults", PAGE), given.get("NextToken"))
    return {"ScalableTargets": [_shown_target(target) for target in some.records], **some.named()}


async def put_scaling_policy(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    target = _target(ctx, given)
    key = (*target.key, given["PolicyName"])
    world = ctx.world()
    before = world.get(ScalingPolicy, key)
    kind = given.get("PolicyType", before.type if before is not None else STEPS)
    if kind not in _FACES or _FACES[kind] not in given:
        raise _invalid(f"A policy of type {kind} is not supported by Moorage, or its configuration is missing.")
    configuration: dict[str, Any] = given[_FACES[kind]]
    (_check_tracking if kind == TRACKING else _check_steps)(configuration)
    created, identity = (ctx.now(), ctx.ids.uuid()) if before is None else (before.created_at, before.id)
    policy = ScalingPolicy(
        account=ctx.account,
        region=ctx.region,
        resource_id=target.resource_id,
        name=given["PolicyName"],
        type=kind,
        configuration=configuration,
        created_at=created,
        id=identity,
    )
    expect = {
        (ScalingPolicy.table, key): world.version(ScalingPolicy, key),
        (ScalableTarget.table, target.key): world.version(ScalableTarget, target.key),
    }
    await ctx.store.commit([Put(policy)], expect)
    return {"PolicyARN": policy.arn, "Alarms": []}


def _check_tracking(configuration: Mapping[str, Any]) -> None:
    named = [
        name for name in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if name in configuration
    ]
    if len(named) != 1 or configuration["TargetValue"] <= 0:
        raise _invalid("A target above 0 and exactly one metric specification must be given.")
    if named[0] == "PredefinedMetricSpecification":
        metric = configuration[named[0]]["PredefinedMetricType"]
        if metric not in PREDEFINED:
            raise _invalid(
                f"The metric {metric} is not supported by Moorage for services: {', '.join(PREDEFINED)} are."
            )
        return
    own = configuration[named[0]]
    if "Metrics" not in own and not {"Namespace", "MetricName", "Statistic"} <= own.keys():
        raise _invalid("A customized metric needs Namespace, MetricName and Statistic, or Metrics.")
    if "Metrics" not in own and own["Statistic"] not in STATISTICS:
        raise _invalid(f"The statistic {own['Statistic']} is not supported by Moorage.")


def _check_steps(configuration: Mapping[str, Any]) -> None:
    steps = configuration.get("StepAdjustments", ())
    if not steps or "AdjustmentType" not in configuration:
        raise _invalid("A step scaling policy must have an AdjustmentType and at least one step adjustment.")
    for step in steps:
        low, high = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
        if low is not None and high is not None and low >= high:
            raise _invalid("The lower bound of a step must be less than its upper bound.")


async def delete_scaling_policy(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    key = (ctx.account, ctx.region, given["ResourceId"], given["PolicyName"])
    world = ctx.world()
    if world.get(ScalingPolicy, key) is None:
        raise _unknown(f"No scaling policy found for service namespace: ecs, resource ID: {given['ResourceId']}")
    await ctx.store.commit(
        [Delete(ScalingPolicy.table, key)], {(ScalingPolicy.table, key): world.version(ScalingPolicy, key)}
    )
    return {}


async def describe_scaling_policies(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found = ctx.world().within(ScalingPolicy, ctx.account, ctx.region)
    chosen = [
        policy
        for policy in found
        if given.get("ResourceId", policy.resource_id) == policy.resource_id
        and policy.name in (given.get("PolicyNames") or [policy.name])
    ]
    some = paging.page(
        chosen, lambda policy: " ".join(policy.key[2:]), given.get("MaxResults", PAGE), given.get("NextToken")
    )
    return {"ScalingPolicies": [_shown_policy(policy) for policy in some.records], **some.named()}


async def describe_scaling_activities(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    """The latest first."""
    found = ctx.world().within(ScalingActivity, ctx.account, ctx.region)
    chosen = [each for each in found if given.get("ResourceId", each.resource_id) == each.resource_id]
    chosen.sort(key=lambda each: (each.started_at, each.id), reverse=True)
    numbered = {each.id: f"{number:06}" for number, each in enumerate(chosen)}
    some = paging.page(chosen, lambda each: numbered[each.id], given.get("MaxResults", PAGE), given.get("NextToken"))
    return {"ScalingActivities": [_shown_activity(each) for each in some.records], **some.named()}


async def list_tags_for_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _of_arn(ctx, given["ResourceARN"]).tags}


async def tag_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    target = _of_arn(ctx, given["ResourceARN"])
    return await _retag(ctx, target, {**target.tags, **given["Tags"]})


async def untag_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    target = _of_arn(ctx, given["ResourceARN"])
    return await _retag(
        ctx, target, {name: value for name, value in target.tags.items() if name not in given["TagKeys"]}
    )


async def _retag(ctx: RequestContext, target: ScalableTarget, tags: dict[str, str]) -> dict[str, Any]:
    version = ctx.world().version(ScalableTarget, target.key)
    await ctx.store.commit([Put(replace(target, tags=tags))], {(ScalableTarget.table, target.key): version})
    return {}


def _of_arn(ctx: RequestContext, arn: str) -> ScalableTarget:
    found = next(iter(ctx.world().linked(ScalableTarget, "arn", (arn,))), None)
    if found is None:
        raise reject("ResourceNotFoundException", f"The resource {arn} doesn't exist.")
    return found


def _check_place(given: Mapping[str, Any]) -> None:
    if given["ScalableDimension"] != DIMENSION:
        raise _invalid(f"Unsupported service namespace, resource type or scalable dimension: {DIMENSION} is scaled.")
    if not _RESOURCE.fullmatch(given["ResourceId"]):
        raise _invalid("Unsupported resource type: a service is service/<cluster>/<name>.")


def _target(ctx: RequestContext, given: Mapping[str, Any]) -> ScalableTarget:
    _check_place(given)
    found = ctx.world().get(ScalableTarget, (ctx.account, ctx.region, given["ResourceId"]))
    if found is None:
        raise _unknown(
            f"No scalable target registered for service namespace: ecs, resource ID: {given['ResourceId']}, scalable "
            f"dimension: {DIMENSION}"
        )
    return found


def _place(resource_id: str) -> dict[str, Any]:
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id, "ScalableDimension": DIMENSION}


def _shown_target(target: ScalableTarget) -> dict[str, Any]:
    return {
        **_place(target.resource_id),
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": task_role.arn(target.role_arn, target.account),
        "CreationTime": target.created_at,
        "SuspendedState": {name: name in target.suspended for name in _SUSPENDED},
        "ScalableTargetARN": target.arn,
    }


def _shown_policy(policy: ScalingPolicy) -> dict[str, Any]:
    return {
        **_place(policy.resource_id),
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "PolicyType": policy.type,
        _FACES[policy.type]: policy.configuration,
        "Alarms": [],
        "CreationTime": policy.created_at,
    }


def _shown_activity(activity: ScalingActivity) -> dict[str, Any]:
    shown = {
        **_place(activity.resource_id),
        "ActivityId": activity.id,
        "Description": f"Setting desired count to {activity.wanted}.",
        "Cause": activity.cause,
        "StartTime": activity.started_at,
        "StatusCode": activity.status,
        "StatusMessage": activity.message or f"Successfully set desired count to {activity.wanted}.",
    }
    return shown | ({"EndTime": activity.ended_at} if activity.ended_at is not None else {})


def _invalid(sentence: str) -> Rejected:
    return reject("ValidationException", sentence)


def _unknown(sentence: str) -> Rejected:
    return reject("ObjectNotFoundException", sentence)


_PLACE: Final = "ServiceNamespace ResourceId ScalableDimension"
_TRACKED: Final = "TargetTrackingScalingPolicyConfiguration"
OPERATIONS = {
    "RegisterScalableTarget": Supported(
        _of_ecs(register_scalable_target),
        real=f"{_PLACE} MinCapacity MaxCapacity SuspendedState.* Tags.*",
        recorded="RoleARN",
    ),
    "DeregisterScalableTarget": Supported(_of_ecs(deregister_scalable_target), real=_PLACE),
    "DescribeScalableTargets": Supported(
        _of_ecs(describe_scalable_targets), real="ServiceNamespace ResourceIds ScalableDimension MaxResults NextToken"
    ),
    "PutScalingPolicy": Supported(
        _of_ecs(put_scaling_policy),
        real=f"{_PLACE} PolicyName PolicyType StepScalingPolicyConfiguration.* {_TRACKED}.*",
    ),
    "DeleteScalingPolicy": Supported(_of_ecs(delete_scaling_policy), real=f"{_PLACE} PolicyName"),
    "DescribeScalingPolicies": Supported(
        _of_ecs(describe_scaling_policies), real=f"{_PLACE} PolicyNames MaxResults NextToken"
    ),
    "DescribeScalingActivities": Supported(
        _of_ecs(describe_scaling_activities),
        real=f"{_PLACE} MaxResults NextToken",
        only={"IncludeNotScaledActivities": (False,)},
    ),
    "ListTagsForResource": Supported(list_tags_for_resource, real="ResourceARN"),
    "TagResource": Supported(tag_resource, real="ResourceARN Tags.*"),
    "UntagResource": Supported(untag_resource, real="ResourceARN TagKeys"),
}
