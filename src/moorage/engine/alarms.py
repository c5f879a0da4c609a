"""Asks CloudWatch for the alarms of a service while a deployment of it is under way, and notes what it says.

Nothing is asked for services without alarms, nor between deployments: the supporting services may never be needed.
What follows from an alarm is the planner's decision.
"""

from datetime import timedelta
from typing import Any, Final

from moorage.domain.alarm_watch import AlarmWatch
from moorage.domain.changes import Key, Put
from moorage.domain.service import Deployment, Service
from moorage.engine.loop import Wake
from moorage.engine.ports import OperationFailed, Operations, Store, Unavailable
from moorage.planning import alarms

PERIOD: Final = timedelta(seconds=1)
"""How often the alarms of a deployment that is under way are asked for."""


class Alarms:
    """Keeps an AlarmWatch beside each deployment that alarms watch."""

    def __init__(self, store: Store, operations: Operations | None) -> None:
        self._store = store
        self._operations = operations

    async def reconcile(self, key: Key) -> Wake:
        world = self._store.snapshot()
        service = world.get(Service, key)
        deployment = alarms.watched(world, service) if service is not None else None
        if service is None or deployment is None or self._operations is None:
            return None
        before = world.get(AlarmWatch, deployment.key)
        watch = alarms.look(deployment, before, await self._described(self._operations, service))
        if watch != before:
            expect = {
                (kind.table, deployment.key): world.version(kind, deployment.key) for kind in (AlarmWatch, Deployment)
            }
            await self._store.commit([Put(watch)], expect)
        return PERIOD

    async def _described(self, operations: Operations, service: Service) -> list[dict[str, Any]]:
        """Those of the service's alarms that there are."""
        configured = service.deployment_configuration.alarms
        names = list(configured.names) if configured is not None else []
        asked = {"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        try:
            answer = await operations.call(service.account, service.region, "cloudwatch", "DescribeAlarms", asked)
        except OperationFailed as error:
            raise Unavailable(f"CloudWatch could not be asked for the alarms of {service.name}: {error}") from error
        return [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
