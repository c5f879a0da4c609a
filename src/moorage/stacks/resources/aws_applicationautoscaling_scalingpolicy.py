"""AWS::ApplicationAutoScaling::ScalingPolicy by PutScalingPolicy and DeleteScalingPolicy. Ref answers the ARN."""

from typing import Any

from moorage.stacks.resources.aws_applicationautoscaling_scalabletarget import PLACE, SERVICE, place_of
from moorage.stacks.resources.aws_cloudwatch_alarm import METRIC
from moorage.stacks.resources.script import Made, Order, ResourceType, Script, already_exists, ask, unless
from moorage.stacks.resources.shapes import NUMBER, PAIRS, TEXT, TRUTH, WHOLE, ListOf, Object

TYPE = "AWS::ApplicationAutoScaling::ScalingPolicy"
_STEPS = "StepScalingPolicyConfiguration"
_TRACKING = "TargetTrackingScalingPolicyConfiguration"
_STEP = Object(
    {"MetricIntervalLowerBound": NUMBER, "MetricIntervalUpperBound": NUMBER, "ScalingAdjustment": WHOLE},
    ("ScalingAdjustment",),
)
_QUERY = Object(
    {
        "Expression": TEXT,
        "Id": TEXT,
        "Label": TEXT,
        "MetricStat": Object({"Metric": METRIC, "Stat": TEXT, "Unit": TEXT}),
        "ReturnData": TRUTH,
    }
)
_TRACKED = Object(
    {
        "CustomizedMetricSpecification": Object(
            {
                "Dimensions": PAIRS,
                "MetricName": TEXT,
                "Metrics": ListOf(_QUERY),
                "Namespace": TEXT,
                "Statistic": TEXT,
                "Unit": TEXT,
            }
        ),
        "DisableScaleIn": TRUTH,
        "PredefinedMetricSpecification": Object({"PredefinedMetricType": TEXT}, ("PredefinedMetricType",)),
        "ScaleInCooldown": WHOLE,
        "ScaleOutCooldown": WHOLE,
        "TargetValue": NUMBER,
    },
    ("TargetValue",),
)


def _place(order: Order) -> dict[str, str]:
    """The target, named by its Ref or by its parts."""
    if "ScalingTargetId" in order.properties:
        return place_of(order.properties["ScalingTargetId"])
    return {name: order.properties[name] for name in PLACE if name in order.properties}


def _members(order: Order) -> dict[str, Any]:
    names = ("PolicyName", "PolicyType", _STEPS, _TRACKING)
    return {name: order.properties[name] for name in names if name in order.properties}


def _create(order: Order) -> Script:
    """PutScalingPolicy would change a policy that somebody else made, so it is looked for first."""
    place, name = _place(order), order.properties["PolicyName"]
    asked = {"ServiceNamespace": place["ServiceNamespace"], "ResourceId": place["ResourceId"], "PolicyNames": [name]}
    found = (yield ask(SERVICE, "DescribeScalingPolicies", **asked)).get("ScalingPolicies", [])
    if found and not order.resumed:
        raise already_exists(TYPE, name)
    yield from _put(order)


def _put(order: Order) -> Script:
    put = yield ask(SERVICE, "PutScalingPolicy", **_place(order), **_members(order))
    yield Made(put["PolicyARN"], {"Arn": put["PolicyARN"]})


def _delete(order: Order) -> Script:
    gone = ask(SERVICE, "DeleteScalingPolicy", **_place(order), PolicyName=order.properties["PolicyName"])
    yield from unless({"ObjectNotFoundException"}, gone)


RESOURCE = ResourceType(
    type=TYPE,
    properties=Object(
        {
            **dict.fromkeys((*PLACE, "PolicyName", "PolicyType", "ScalingTargetId"), TEXT),
            _STEPS: Object(
                {
                    "AdjustmentType": TEXT,
                    "Cooldown": WHOLE,
                    "MetricAggregationType": TEXT,
                    "MinAdjustmentMagnitude": WHOLE,
                    "StepAdjustments": ListOf(_STEP),
                }
            ),
            _TRACKING: _TRACKED,
        },
        ("PolicyName", "PolicyType"),
    ),
    create=_create,
    delete=_delete,
    update=_put,
    replace_on=frozenset({*PLACE, "PolicyName", "ScalingTargetId"}),
    attributes=frozenset({"Arn"}),
)
