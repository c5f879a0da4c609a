"""The rows of CloudWatch that are served here; all its other operations are passed on to the support process."""

from collections.abc import Mapping

from moorage.api.cloudwatch.alarms import Alarms
from moorage.api.cloudwatch.metric_data import MetricData
from moorage.api.cloudwatch.metric_statistics import MetricStatistics
from moorage.api.cloudwatch.reading import Sources
from moorage.api.support_table import Supported


def operations(sources: Sources) -> Mapping[str, Supported]:
    """Reading, of every namespace: what is of AWS/ECS is read here, all else is asked of the support process."""
    data, statistics = MetricData(sources), MetricStatistics(sources)
    alarms = Alarms(data.get_metric_data)
    return {
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
