"""What happened in each namespace since its proxies were last told: which names changed, and which deployments' tasks.

News narrow a look at the World down and decide nothing: what a proxy is told always follows from the World itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from moorage.domain.changes import Key, RecordId
from moorage.domain.connect import ConnectEndpoint, alias_key
from moorage.domain.registry import Instance
from moorage.domain.service import Deployment
from moorage.domain.task import Task, TaskState
from moorage.domain.world import World


@dataclass
class News:
    """`names`: aliases (`domain.connect.alias_key`). `deployments`: their keys. `everything`: look at all of both."""

    everything: bool = False
    names: set[Key] = field(default_factory=set)
    deployments: set[Key] = field(default_factory=set)


class Newsroom:
    """Collects what commits touched, by namespace, until somebody takes it."""

    def __init__(self) -> None:
        self._unread: dict[Key, News] = {}
        self._aliases: dict[Key, Key] = {}

    def take(self, namespace: Key, world: World) -> News:
        """The news of a namespace; everything, where it was never asked about or was given back."""
        news = self._of(namespace)
        self._unread[namespace] = News()
        if news.everything:
            for endpoint in world.linked(ConnectEndpoint, "namespace", namespace):
                self._aliases[endpoint.key] = name_of(endpoint)
        return news

    def give_back(self, namespace: Key) -> None:
        """The news were not told after all: next time everything is looked at."""
        self._unread[namespace] = News(everything=True)

    def note(self, world: World, touched: Iterable[RecordId]) -> None:
        """Collect what a commit touched; `world` is the one after it."""
        for table, key in touched:
            if table == Instance.table:
                self._instance(world, key)
            elif table == ConnectEndpoint.table:
                self._endpoint(world, key)
            elif table in (Task.table, TaskState.table):
                self._task(world, key)
            elif table == Deployment.table:
                self._deployment(world, key)

    def _instance(self, world: World, key: Key) -> None:
        for endpoint in world.linked(ConnectEndpoint, "registry", key[:3]):
            self._of(endpoint.key[:3]).names.add(name_of(endpoint))

    def _endpoint(self, world: World, key: Key) -> None:
        """The alias that an endpoint has now, and the one that it had."""
        endpoint, before = world.get(ConnectEndpoint, key), self._aliases.pop(key, None)
        news = self._of(key[:3])
        if endpoint is not None:
            self._aliases[key] = name_of(endpoint)
            news.names.add(name_of(endpoint))
        if before is not None:
            news.names.add(before)
        news.everything = news.everything or (endpoint is None and before is None)

    def _task(self, world: World, key: Key) -> None:
        """The task's own proxy, and those of its service, which weigh the zones that their siblings run in."""
        task = world.get(Task, key)
        if task is None or task.service_key is None:
            return
        for deployment in world.linked(Deployment, "service", task.service_key):
            self._of_deployment(deployment)

    def _deployment(self, world: World, key: Key) -> None:
        deployment = world.get(Deployment, key)
        if deployment is not None:
            self._of_deployment(deployment)
            return
        for news in self._unread.values():
            news.deployments.add(key)

    def _of_deployment(self, deployment: Deployment) -> None:
        if deployment.namespace_id is not None:
            namespace = (deployment.account, deployment.region, deployment.namespace_id)
            self._of(namespace).deployments.add(deployment.key)

    def _of(self, namespace: Key) -> News:
        return self._unread.setdefault(namespace, News(everything=True))


def name_of(endpoint: ConnectEndpoint) -> Key:
    """The key of the alias that an endpoint is dialled by."""
    return alias_key(endpoint.account, endpoint.region, endpoint.namespace_id, endpoint.alias, endpoint.alias_port)
