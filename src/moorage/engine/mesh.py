"""The doer of the mesh: for each namespace, what its proxies shall hold now, handed to the proxies' hub.

The first change goes out at once, later ones at most every 20 ms. Nothing is stored: a bundle follows from the World.
Only the proxies that know what changed are looked at; `news` says which those can be.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from moorage.domain.changes import Key
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.loop import Wake
from moorage.engine.news import News, Newsroom, name_of
from moorage.engine.ports import Clock, Commit, Proxies, Store
from moorage.mesh import view as seen
from moorage.mesh import view_of as views
from moorage.mesh.view import Ingress, Timeouts, Upstream, View
from moorage.planning.sidecar import Proxy, proxy_of

HOLD_OFF: Final = timedelta(milliseconds=20)

CONFIGURED: Final = frozenset({Status.PENDING, Status.RUNNING, Status.DEACTIVATING, Status.STOPPING})


class Maker(Protocol):
    """Makes the bundle of a view. `last`, a view of the same deployment with its bundle, may only make it cheaper, as
    may `places`: those of the upstreams among which all are that differ from that view, if it is known.
    """

    def __call__(self, view: View, *, last: tuple[View, Any] | None, places: Collection[int] | None = None) -> Any: ...


@dataclass(frozen=True)
class _Group:
    """Tasks whose proxies were told the same. `view` is that of any of them: nothing in the bundle is a task's own."""

    view: View
    bundle: Any
    tasks: frozenset[str]


@dataclass
class _Told:
    """What the proxies of one deployment were last told: its names in order, and what each group of tasks holds."""

    deployment: Deployment
    proxy: Proxy
    ports: views.Ports
    upstreams: tuple[Upstream, ...]
    places: Mapping[Key, int]
    groups: dict[str, _Group] = field(default_factory=dict)


class _Namespace:
    """The deployments of a namespace whose proxies were told something, and which of them know a name."""

    def __init__(self) -> None:
        self.told: dict[Key, _Told] = {}
        self._knowing: defaultdict[Key, set[Key]] = defaultdict(set)

    def remember(self, key: Key, told: _Told) -> None:
        self.forget(key)
        self.told[key] = told
        for name in told.places:
            self._knowing[name].add(key)

    def forget(self, key: Key) -> None:
        told = self.told.pop(key, None)
        for name in told.places if told is not None else ():
            self._knowing[name].discard(key)
            if not self._knowing[name]:
                del self._knowing[name]

    def concerned(self, news: News) -> dict[Key, set[Key]]:
        """The deployments that the news are about, each with the names of its own that changed."""
        found: dict[Key, set[Key]] = {key: set() for key in news.deployments}
        for name in news.names:
            for key in self._knowing.get(name, ()):
                found.setdefault(key, set()).add(name)
        return found


class Mesh:
    """Publishes the bundles of all proxies of a namespace."""

    def __init__(self, store: Store, proxies: Proxies, clock: Clock, bundle: Maker) -> None:
        self._store = store
        self._proxies = proxies
        self._clock = clock
        self._bundle = bundle
        self._published: dict[Key, datetime] = {}
        self._namespaces: dict[Key, _Namespace] = {}
        self._newsroom = Newsroom()
        store.watch(self._committed)

    async def reconcile(self, key: Key) -> Wake:
        now = self._clock.now()
        left = self._published.get(key, now - HOLD_OFF) + HOLD_OFF - now
        if left > timedelta(0):
            return left
        self._published[key] = now
        outlook = views.Outlook(self._store.snapshot())
        news = self._newsroom.take(key, outlook.world)
        told = False
        try:
            self._tell(outlook, key, news)
            told = True
        finally:
            if not told:
                self._newsroom.give_back(key)
        return None

    def _committed(self, commit: Commit) -> None:
        self._newsroom.note(self._store.snapshot(), commit.touched)

    def _tell(self, outlook: views.Outlook, key: Key, news: News) -> None:
        namespace = self._namespaces.setdefault(key, _Namespace())
        concerned = namespace.concerned(news)
        if news.everything:
            present = {each.key for each in outlook.world.linked(Deployment, "namespace", key)}
            concerned = {each: set(told.places) for each, told in namespace.told.items()}
            concerned |= {each: concerned.get(each, set()) for each in present}
        for deployment, changed in sorted(concerned.items()):
            told = namespace.told.get(deployment)
            if told is None or news.everything or deployment in news.deployments:
                self._tell_deployment(outlook, namespace, deployment, changed)
            else:
                self._tell_names(outlook, told, changed)

    def _tell_names(self, outlook: views.Outlook, told: _Told, changed: Collection[Key]) -> None:
        """Only names are news: the tasks are those that were told before, and nothing else of theirs is different."""
        upstreams = _revised(outlook, told, changed)
        if upstreams is not told.upstreams:
            told.upstreams = upstreams
            places = [told.places[name] for name in changed]
            for alike, group in told.groups.items():
                told.groups[alike] = self._tell_moved(replace(group.view, upstreams=upstreams), group, places)

    def _tell_deployment(self, outlook: views.Outlook, namespace: _Namespace, key: Key, changed: Iterable[Key]) -> None:
        deployment, told = outlook.world.get(Deployment, key), namespace.told.get(key)
        if deployment is None or views.missing(outlook.world, deployment) is not None:
            namespace.forget(key)
            return
        if told is None or told.deployment is not deployment:
            fresh = _meet(outlook, deployment)
            if fresh is None:
                return
            if told is not None:
                fresh.groups = told.groups
            namespace.remember(key, fresh)
            told = fresh
        else:
            told.upstreams = _revised(outlook, told, changed)
        told.groups = {
            alike: self._tell_group(view, frozenset(tasks), told.groups.get(alike))
            for alike, (view, tasks) in _grouped(outlook, told).items()
        }

    def _tell_moved(self, view: View, before: _Group, places: Collection[int]) -> _Group:
        """Hand the same proxies a view that differs in the upstreams at these places at most."""
        bundle = self._bundle(view, last=(before.view, before.bundle), places=places)
        for task in sorted(before.tasks) if bundle is not before.bundle else ():
            self._proxies.publish(task, bundle)
        return _Group(view, bundle, before.tasks)

    def _tell_group(self, view: View, tasks: frozenset[str], before: _Group | None) -> _Group:
        """Hand the proxies of these tasks what they shall hold; those that were told just that hear nothing."""
        if before is None:
            bundle, new = self._bundle(view, last=None), tasks
        else:
            same = view == before.view
            bundle = before.bundle if same else self._bundle(view, last=(before.view, before.bundle))
            new = tasks - before.tasks if bundle is before.bundle else tasks
        for task in sorted(new):
            self._proxies.publish(task, bundle)
        return _Group(view, bundle, tasks)


def _grouped(outlook: views.Outlook, told: _Told) -> dict[str, tuple[View, list[str]]]:
    """The tasks that have come as far as to have a proxy, by what their proxies have in common, with a view of each."""
    groups: dict[str, tuple[View, list[str]]] = {}
    for task in outlook.world.linked(Task, "deployment", told.deployment.key):
        state = outlook.world.get(TaskState, task.key)
        if state is None or state.status not in CONFIGURED:
            continue
        # Proxies that forward to addresses of their own task's containers have no bundle in common.
        alike = task.id if told.ports.apart else task.availability_zone
        if alike not in groups:
            ports = placed(told.ports, told.proxy, state)
            groups[alike] = (outlook.view(task, told.deployment, ports, told.upstreams), [])
        groups[alike][1].append(task.id)
    return groups


def _meet(outlook: views.Outlook, deployment: Deployment) -> _Told | None:
    """What the proxies of a deployment shall be told, from nothing; None while it has no tasks."""
    tasks = outlook.world.linked(Task, "deployment", deployment.key)
    definition = outlook.world.get(TaskDefinition, deployment.task_definition)
    proxy = proxy_of(tasks[0], deployment, definition) if tasks and definition is not None else None
    if proxy is None:
        return None
    upstreams = tuple(outlook.upstream(deployment, known) for known in deployment.known)
    places = {name_of(known.endpoint): place for place, known in enumerate(deployment.known)}
    return _Told(deployment, proxy, ports_of(proxy), upstreams, places)


def _revised(outlook: views.Outlook, told: _Told, changed: Iterable[Key]) -> tuple[Upstream, ...]:
    """The upstreams as they are now; those that are as they were stay the same objects."""
    upstreams: list[Upstream] | None = None
    for name in changed:
        place = told.places[name]
        now = outlook.upstream(told.deployment, told.deployment.known[place])
        if now != told.upstreams[place]:
            upstreams = upstreams or list(told.upstreams)
            upstreams[place] = now
    return told.upstreams if upstreams is None else tuple(upstreams)


def ports_of(proxy: Proxy) -> views.Ports:
    """The proxy's ports in the words of the mesh."""
    return views.Ports(
        egress=proxy.egress_port,
        ingress=tuple(
            Ingress(
                port_name=listener.exposed.port_name,
                listener_port=listener.port,
                container_port=listener.exposed.container_port,
                protocol=seen.Protocol(listener.exposed.protocol),
                timeouts=Timeouts(listener.exposed.idle_timeout, listener.exposed.per_request_timeout),
            )
            for listener in proxy.ingress
        ),
        apart=proxy.apart,
    )


def placed(ports: views.Ports, proxy: Proxy, state: TaskState) -> views.Ports:
    """The ports with the addresses that this task's containers have, where they have their own."""
    if not ports.apart:
        return ports
    seen_ = {container.name: container.address for container in state.containers}
    pairs = zip(ports.ingress, proxy.ingress, strict=True)
    return replace(
        ports,
        ingress=tuple(replace(each, address=seen_.get(of.exposed.container) or each.address) for each, of in pairs),
    )
