"""Alarms of CloudWatch, put and set by boto3, seen by the doer that watches deployments for them."""

import asyncio
from dataclasses import replace
from typing import Any

from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import SupportTable
from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.changes import Put
from moorage.domain.service import Alarms as Configured
from moorage.engine.alarms import PERIOD, Alarms
from moorage.store.memory import MemoryStore
from moorage.support import operations
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds
from worlds import CLUSTER, HOME, deployment, service, world_with

KEY = (*HOME, CLUSTER, "web")
ALARM: dict[str, Any] = {
    "AlarmName": "errors",
    "MetricName": "HTTPCode_Target_5XX_Count",
    "Namespace": "AWS/ECS",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 2,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def watching(support: SupportProcess, alarms: Configured | None) -> tuple[MemoryStore, Alarms]:
    spec = service()
    spec = replace(spec, deployment_configuration=replace(spec.deployment_configuration, alarms=alarms))
    store = MemoryStore(world=world_with(spec))
    table = SupportTable({}, supporting=operations.SERVICES)
    dispatcher = Dispatcher(table, store, SystemClock(), SystemIds(), forward=support.forward)
    return store, Alarms(store, dispatcher)


async def test_an_alarm_that_is_set_off_during_a_deployment_is_seen(support: SupportProcess, client: Any) -> None:
    store, alarms = watching(support, Configured(("errors", "unknown"), enabled=True, rollback=True))
    key = deployment("web", 1).key
    cloudwatch = client("cloudwatch", account=HOME[0])

    assert await alarms.reconcile(KEY) == PERIOD  # neither exists yet: they may come while the deployment is under way
    assert store.snapshot().get(AlarmWatch, key).monitoring
    await asyncio.to_thread(cloudwatch.put_metric_alarm, **ALARM)
    await alarms.reconcile(KEY)
    assert store.snapshot().get(AlarmWatch, key).bake_seconds == 120
    assert store.snapshot().get(AlarmWatch, key).triggered == ()
    before = store.snapshot().sequence
    await alarms.reconcile(KEY)
    assert store.snapshot().sequence == before, "nothing new is nothing to commit"
    await asyncio.to_thread(cloudwatch.set_alarm_state, AlarmName="errors", StateValue="ALARM", StateReason="drill")
    await alarms.reconcile(KEY)
    assert store.snapshot().get(AlarmWatch, key).triggered == ("errors",)


async def test_the_supporting_services_are_not_started_for_a_service_without_alarms(support: SupportProcess) -> None:
    for configured in (None, Configured(("errors",), enabled=False, rollback=False)):
        store, alarms = watching(support, configured)
        assert await alarms.reconcile(KEY) is None
        assert not list(store.snapshot().all(AlarmWatch))
    done = service()
    store = MemoryStore(world=world_with(done).apply([Put(replace(done, deleted_at=done.created_at))]))
    assert await Alarms(store, None).reconcile(KEY) is None
    assert support.pid is None
