"""What the alarms of a deployment say: whether they count, how long they take to judge, which of them went off.

Source: Amazon ECS developer guide, "How CloudWatch alarms detect Amazon ECS deployment failures"; what AWS does not
publish is in decision 161.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.service import IN_PROGRESS, Deployment, Rollout, Service, deployment_key
from moorage.domain.world import World

ALARM: Final = "ALARM"
DEFAULT_PERIOD: Final = 60
"""Seconds that an alarm counts with whose period is not given: one of a metric expression without a period."""


def watched(world: World, service: Service) -> Deployment | None:
    """The deployment of the service that alarms watch now, if there is one."""
    alarms = service.deployment_configuration.alarms
    key = deployment_key(service.key, service.deployment_id)
    state = world.get(Rollout, key)
    if alarms is None or not alarms.enabled or state is None or state.state != IN_PROGRESS:
        return None
    return world.get(Deployment, key) if service.deleted_at is None else None


def look(deployment: Deployment, before: AlarmWatch | None, described: Iterable[Mapping[str, Any]]) -> AlarmWatch:
    """What is known of the deployment's alarms after CloudWatch described them, as MetricAlarm and CompositeAlarm."""
    found = list(described)
    off = tuple(sorted(each["AlarmName"] for each in found if each.get("StateValue") == ALARM))
    bake = max((_judges_within(each) for each in found), default=0)
    if before is None:
        place = (deployment.account, deployment.region, deployment.cluster, deployment.service, deployment.id)
        return AlarmWatch(*place, monitoring=not off, bake_seconds=bake if not off else 0)
    if not before.monitoring or before.triggered:
        return before
    return replace(before, bake_seconds=bake, triggered=off)


def triggered(world: World, service: Service, deployment: Deployment) -> tuple[str, ...]:
    """The alarms that went off during the deployment and count."""
    alarms = service.deployment_configuration.alarms
    watch = world.get(AlarmWatch, deployment.key)
    return watch.triggered if alarms is not None and alarms.enabled and watch is not None else ()


def baking(world: World, service: Service, deployment: Deployment, since: datetime, now: datetime) -> timedelta | None:
    """How long a deployment that is scaled out and in since then must wait before it has completed; zero: no longer.

    None while the alarms have not been looked at.
    """
    configuration = service.deployment_configuration
    watch = world.get(AlarmWatch, deployment.key)
    watching = configuration.alarms is not None and configuration.alarms.enabled
    if watching and watch is None:
        return None
    asked = configuration.bake_minutes
    seconds = watch.bake_seconds if watching and watch is not None and asked is None else 60 * (asked or 0)
    return max(timedelta(0), since + timedelta(seconds=seconds) - now)


def _judges_within(alarm: Mapping[str, Any]) -> int:
    """The seconds that the alarm needs to see its metric break its threshold; none for composite alarms."""
    if "EvaluationPeriods" not in alarm:
        return 0
    parts = [each.get("Period") or each.get("MetricStat", {}).get("Period") for each in alarm.get("Metrics", ())]
    period = alarm.get("Period") or max((part for part in parts if part), default=DEFAULT_PERIOD)
    return int(period) * int(alarm["EvaluationPeriods"])
