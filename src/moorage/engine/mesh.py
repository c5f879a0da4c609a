"""The doer of the mesh: for each namespace, what its proxies shall hold now, handed to the proxies' hub.

The first change goes out at once, later ones at most every 20 ms. Nothing is stored: a bundle follows from the World.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from moorage.domain.changes import Key
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.engine.loop import Wake
from moorage.engine.ports import Clock, Proxies, Store
from moorage.mesh import view_of as views
from moorage.mesh.view import Ingress, Protocol, Timeouts, View
from moorage.planning.sidecar import Proxy, proxy_of

HOLD_OFF: Final = timedelta(milliseconds=20)

CONFIGURED: Final = frozenset({Status.PENDING, Status.RUNNING, Status.DEACTIVATING, Status.STOPPING})


class Mesh:
    """Publishes the bundles of all proxies of a namespace."""

    def __init__(self, store: Store, proxies: Proxies, clock: Clock, bundle: Callable[[View], Any]) -> None:
        self._store = store
        self._proxies = proxies
        self._clock = clock
        self._bundle = bundle
        self._published: dict[Key, datetime] = {}
        self._views: dict[str, View] = {}

    async def reconcile(self, key: Key) -> Wake:
        now = self._clock.now()
        left = self._published.get(key, now - HOLD_OFF) + HOLD_OFF - now
        if left > timedelta(0):
            return left
        self._published[key] = now
        world = self._store.snapshot()
        seen = set()
        for deployment in world.linked(Deployment, "namespace", key):
            for task in world.linked(Task, "deployment", deployment.key):
                self.publish(world, task, deployment)
                seen.add(task.id)
        return None

    def publish(self, world: World, task: Task, deployment: Deployment) -> None:
        """Hand the proxy of `task` what it shall hold, if the task has come as far as to have one."""
        state = world.get(TaskState, task.key)
        definition = world.get(TaskDefinition, task.task_definition)
        if state is None or state.status not in CONFIGURED or definition is None:
            self._views.pop(task.id, None)
            return
        proxy = proxy_of(task, deployment, definition)
        if proxy is None or views.missing(world, deployment) is not None:
            return
        view = views.view_of(world, task, deployment, ports_of(proxy))
        if self._views.get(task.id) != view:
            self._proxies.publish(task.id, self._bundle(view))
            self._views[task.id] = view


def ports_of(proxy: Proxy) -> views.Ports:
    """The proxy's ports in the words of the mesh."""
    return views.Ports(
        egress=proxy.egress_port,
        ingress=tuple(
            Ingress(
                port_name=listener.exposed.port_name,
                listener_port=listener.port,
                container_port=listener.exposed.container_port,
                protocol=Protocol(listener.exposed.protocol),
                timeouts=Timeouts(listener.exposed.idle_timeout, listener.exposed.per_request_timeout),
            )
            for listener in proxy.ingress
        ),
    )
