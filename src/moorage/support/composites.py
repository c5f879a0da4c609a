"""Has Moto's CloudWatch keep composite alarms: it has what they need, and no operation that leads there.

A composite alarm is one with an AlarmRule. Called once CloudWatch is loaded; changes nothing else.
"""


def apply() -> None:
    """Let PutCompositeAlarm be what PutMetricAlarm is."""
    from moto.cloudwatch.responses import CloudWatchResponse

    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
