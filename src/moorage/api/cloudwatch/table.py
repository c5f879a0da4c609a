"""The rows of CloudWatch that are served here; all its other operations are passed on to the support process."""

from collections.abc import Mapping
from typing import Final

from moorage.api.cloudwatch import alarm_changes
from moorage.api.cloudwatch.alarms import Alarms
from moorage.api.cloudwatch.metric_data import MetricData
from moorage.api.cloudwatch.metric_statistics import MetricStatistics
from moorage.api.cloudwatch.reading import Sources
from moorage.api.support_table import Supported

_KEPT: Final = "ActionsEnabled AlarmActions OKActions InsufficientDataActions"
_METRIC_ALARM: Final = (
    "AlarmName AlarmDescription MetricName Namespace Statistic ExtendedStatistic Dimensions.* Period Unit "
    "EvaluationPeriods DatapointsToAlarm Threshold ComparisonOperator TreatMissingData Tags.* "
    "Metrics.Id Metrics.Expression Metrics.Label Metrics.ReturnData Metrics.Period Metrics.MetricStat.*"
)


_EVALUATED: Final = {"EvaluateLowSampleCountPercentile": ("evaluate",)}


def operations(sources: Sources) -> Mapping[str, Supported]:
    """Reading, of every namespace: what is of AWS/ECS is read here, all else is asked of the support process."""
    data, statistics = MetricData(sources), MetricStatistics(sources)
    alarms = Alarms(data.get_metric_data)
    return {
        "PutMetricAlarm": Supported(
            alarm_changes.put_metric_alarm, real=_METRIC_ALARM, recorded=_KEPT, only=_EVALUATED
        ),
        "PutCompositeAlarm": Supported(
            alarm_changes.put_composite_alarm,
            real="AlarmName AlarmDescription AlarmRule Tags.*",
            recorded=_KEPT,
        ),
        "SetAlarmState": Supported(
            alarm_changes.set_alarm_state, real="AlarmName StateValue StateReason StateReasonData"
        ),
        "DeleteAlarms": Supported(alarm_changes.delete_alarms, real="AlarmNames"),
        "DescribeAlarmHistory": Supported(
            alarms.describe_alarm_history,
            real="AlarmName AlarmTypes HistoryItemType StartDate EndDate MaxRecords NextToken ScanBy",
        ),
        "DescribeAlarms": Supported(
            alarms.describe_alarms,
            real="AlarmNames AlarmNamePrefix AlarmTypes StateValue ActionPrefix MaxRecords NextToken",
        ),
        "DescribeAlarmsForMetric": Supported(
            alarms.describe_alarms_for_metric,
            real="MetricName Namespace Statistic ExtendedStatistic Dimensions.* Period Unit",
        ),
        "GetMetricData": Supported(
            data.get_metric_data,
            real="MetricDataQueries.* StartTime EndTime NextToken ScanBy MaxDatapoints LabelOptions.*",
        ),
        "GetMetricStatistics": Supported(
            statistics.get_metric_statistics,
            real="Namespace MetricName Dimensions.* StartTime EndTime Period Statistics ExtendedStatistics Unit",
        ),
        "ListMetrics": Supported(
            statistics.list_metrics,
            real="Namespace MetricName Dimensions.* NextToken RecentlyActive",
            only={"IncludeLinkedAccounts": (False,)},
        ),
    }
