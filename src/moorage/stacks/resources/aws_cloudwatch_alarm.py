"""AWS::CloudWatch::Alarm by PutMetricAlarm and DeleteAlarms. Ref answers the name."""

from typing import Any

from moorage.stacks.resources.script import Made, Order, ResourceType, Script, already_exists, as_tags, ask, unless
from moorage.stacks.resources.shapes import NUMBER, PAIRS, TAGS, TEXT, TEXT_LIST, TRUTH, WHOLE, ListOf, Object
from moorage.stacks.resources.tagging import retag_alarm

TYPE = "AWS::CloudWatch::Alarm"
METRIC = Object({"Dimensions": PAIRS, "MetricName": TEXT, "Namespace": TEXT})
_QUERY = Object(
    {
        "Expression": TEXT,
        "Id": TEXT,
        "Label": TEXT,
        "MetricStat": Object(
            {"Metric": METRIC, "Period": WHOLE, "Stat": TEXT, "Unit": TEXT}, ("Metric", "Period", "Stat")
        ),
        "Period": WHOLE,
        "ReturnData": TRUTH,
    },
    ("Id",),
)
PROPERTIES = Object(
    {
        "ActionsEnabled": TRUTH,
        "AlarmActions": TEXT_LIST,
        "AlarmDescription": TEXT,
        "AlarmName": TEXT,
        "ComparisonOperator": TEXT,
        "DatapointsToAlarm": WHOLE,
        "Dimensions": PAIRS,
        "EvaluateLowSampleCountPercentile": TEXT,
        "EvaluationPeriods": WHOLE,
        "ExtendedStatistic": TEXT,
        "InsufficientDataActions": TEXT_LIST,
        "MetricName": TEXT,
        "Metrics": ListOf(_QUERY),
        "Namespace": TEXT,
        "OKActions": TEXT_LIST,
        "Period": WHOLE,
        "Statistic": TEXT,
        "Tags": TAGS,
        "Threshold": NUMBER,
        "TreatMissingData": TEXT,
        "Unit": TEXT,
    },
)
"""Properties are spelled as the operation's parameters are."""


def _members(order: Order) -> dict[str, Any]:
    return {name: value for name, value in order.properties.items() if name not in ("AlarmName", "Tags")}


def _create(order: Order) -> Script:
    """PutMetricAlarm would change an alarm that somebody else made, so it is looked for first."""
    name = order.properties.get("AlarmName") or order.generated_name(255)
    described = yield ask("cloudwatch", "DescribeAlarms", AlarmNames=[name])
    found = described.get("MetricAlarms", [])
    if found and not order.resumed:
        raise already_exists(TYPE, name)
    if not found:
        yield ask("cloudwatch", "PutMetricAlarm", AlarmName=name, **_members(order), Tags=as_tags(order.tags()) or None)
    arn = f"arn:aws:cloudwatch:{order.region}:{order.account}:alarm:{name}"
    yield Made(name, {"Arn": arn})


def _update(order: Order) -> Script:
    yield ask("cloudwatch", "PutMetricAlarm", AlarmName=order.physical_id, **_members(order))
    yield from retag_alarm(order, order.attributes["Arn"])


def _delete(order: Order) -> Script:
    yield from unless({"ResourceNotFound"}, ask("cloudwatch", "DeleteAlarms", AlarmNames=[order.physical_id]))


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset({"AlarmName"}),
    attributes=frozenset({"Arn"}),
    name="AlarmName",
)
