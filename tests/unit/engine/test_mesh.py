"""Whatever happens in a namespace, in any order: each proxy is told what the World says, and only those it concerns."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.registry import HTTP, Instance, Namespace, RegistryService
from moorage.domain.service import Deployment
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.mesh import CONFIGURED, HOLD_OFF, Mesh, ports_of
from moorage.engine.news import Newsroom
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view_of import view_of
from moorage.planning.sidecar import proxy_of
from moorage.store.memory import MemoryStore

SPACE = (*worlds.HOME, worlds.NAMESPACE)
NAMES, CLIENTS = 3, 3


class Refused(Exception):
    """The hub does not take a bundle."""


class Told:
    """Proxies that hold what they were told last; `times` counts how often each was told something."""

    def __init__(self) -> None:
        self.refusing = False
        self.bundles: dict[str, Bundle] = {}
        self.times: dict[str, int] = {}

    def publish(self, task_id: str, bundle: Bundle) -> None:
        assert bundle.consistent() == []
        if self.refusing:
            raise Refused
        self.bundles[task_id] = bundle
        self.times[task_id] = self.times.get(task_id, 0) + 1


class Later:
    """A clock on which the hold-off is over whenever it is read."""

    def __init__(self) -> None:
        self._now = worlds.NOON

    def now(self) -> datetime:
        self._now += HOLD_OFF
        return self._now


class Scene:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.told = Told()
        self.mesh = Mesh(self.store, self.told, Later(), bundle_of)  # type: ignore[arg-type]  # asked for no more
        self.commit(Put(Namespace(*SPACE, "demo", HTTP, worlds.NOON)), Put(worlds.definition()))
        for number in range(NAMES):
            self.commit(*(Put(record) for record in (registry(number), endpoint(number))))

    def commit(self, *writes: Write) -> None:
        asyncio.run(self.store.commit(writes, {}))

    def look(self) -> None:
        assert asyncio.run(self.mesh.reconcile(SPACE)) is None

    @property
    def world(self) -> World:
        return self.store.snapshot()

    def client(self, number: int, *known: int) -> None:
        """A service whose two tasks, one in each zone, know these names."""
        names = freeze(endpoint(each) for each in known)
        connect = {"enabled": True, "namespace": "demo"}
        made = worlds.deployment(f"client-{number}", 1, connect=connect, namespace_id=SPACE[2], known=names)
        tasks = [task(made, which) for which in range(2)]
        self.commit(Put(made), *map(Put, tasks), *(Put(state(each, Status.RUNNING)) for each in tasks))

    def holds_what_the_world_says(self) -> None:
        for each in self.world.all(Task):
            own, of = self.world.get(TaskState, each.key), self.world.get(Deployment, each.deployment_key or ())
            if own is None or own.status not in CONFIGURED or of is None:
                continue
            proxy = proxy_of(each, of, worlds.definition())
            assert proxy is not None
            anew = bundle_of(view_of(self.world, each, of, ports_of(proxy)))
            told = self.told.bundles[each.id]
            assert (told, told.by_type) == (anew, anew.by_type)


def registry(number: int) -> RegistryService:
    return RegistryService(*worlds.HOME, f"srv-{number}", f"n{number}", SPACE[2], HTTP, worlds.NOON)


def endpoint(number: int, alias: str = "", **more: Any) -> ConnectEndpoint:
    place = (*SPACE, f"n{number}", f"srv-{number}", alias or f"n{number}.demo")
    of = ConnectEndpoint(*place, 80, "web", 5000, 5000, "http", 300, 15, (*worlds.HOME, worlds.CLUSTER, "web"))
    return replace(of, **more)


def instance(number: int, which: int) -> Instance:
    attributes = {
        "AWS_INSTANCE_IPV4": f"10.0.{number}.{which}",
        "AWS_INSTANCE_PORT": "5000",
        "AvailabilityZone": "ab"[which % 2],
    }
    return Instance(*worlds.HOME, f"srv-{number}", f"i{number}-{which}", attributes, worlds.NOON, task_id=f"t{which}")


def task(of: Deployment, which: int) -> Task:
    made = Task(
        *(*worlds.HOME, worlds.CLUSTER, f"{of.service}-{of.id[-1]}-{which}", worlds.NOON, of.task_definition),
        *("service", "FARGATE"),
        service=of.service,
        deployment_id=of.id,
    )
    return replace(made, availability_zone="ab"[which % 2])


def state(of: Task, status: Status) -> TaskState:
    return replace(worlds.running(of), status=status, address=f"10.9.0.{sum(of.id.encode()) % 250}")


numbers = st.integers(0, NAMES - 1)
clients = st.integers(0, CLIENTS - 1)
happenings = st.one_of(
    st.tuples(st.just("instance"), numbers, st.integers(0, 3), st.booleans()),
    st.tuples(st.just("timeouts"), numbers, st.integers(1, 2)),
    st.tuples(st.just("alias"), numbers, st.sampled_from(("", "other.demo"))),
    st.tuples(st.just("gone"), numbers),
    st.tuples(st.just("status"), clients, st.integers(0, 1), st.sampled_from(Status)),
    st.tuples(st.just("deployed again"), clients, st.sets(numbers)),
    st.tuples(st.just("undeployed"), clients),
    st.tuples(st.just("look")),
)


def happen(scene: Scene, what: str, *about: Any) -> None:
    match what, *about:
        case "instance", int(name), int(which), bool(there):
            record = instance(name, which)
            scene.commit(Put(record) if there else Delete(Instance.table, record.key))
        case "timeouts", int(name), int(seconds):
            scene.commit(Put(endpoint(name, per_request_timeout=seconds)))
        case "alias", int(name), str(alias):
            scene.commit(Put(endpoint(name, alias and f"{name}.{alias}")))
        case "gone", int(name):
            scene.commit(Delete(ConnectEndpoint.table, endpoint(name).key))
        case "status", int(client), int(which), Status() as status:
            for each in scene.world.linked(Task, "service", (*worlds.HOME, worlds.CLUSTER, f"client-{client}")):
                if each.id.endswith(f"-{which}"):
                    scene.commit(Put(state(each, status)))
        case "deployed again", int(client), set(known):
            scene.client(client, *sorted(known))
        case "undeployed", int(client):
            key = worlds.deployment(f"client-{client}", 1).key
            tasks = scene.world.linked(Task, "deployment", key)
            gone = [Delete(table, each.key) for each in tasks for table in (Task.table, TaskState.table)]
            scene.commit(Delete(Deployment.table, key), *gone)
        case _:
            scene.look()


@given(st.lists(happenings, max_size=25))
@settings(deadline=None, max_examples=100)
def test_what_is_told_piece_by_piece_is_what_a_look_at_the_whole_world_says(events: list[tuple[Any, ...]]) -> None:
    scene = Scene()
    for number in range(CLIENTS):
        scene.client(number, *range(number, NAMES))
    for event in events:
        happen(scene, *event)
    scene.look()
    scene.holds_what_the_world_says()


def test_only_those_that_know_the_name_are_told() -> None:
    scene = Scene()
    scene.client(0, 0, 1)
    scene.client(1, 1, 2)
    scene.look()
    before = dict(scene.told.times)
    scene.commit(Put(instance(2, 0)))
    scene.look()
    told = {task for task, times in scene.told.times.items() if times != before[task]}
    assert told == {"client-1-1-0", "client-1-1-1"}


def test_a_name_whose_endpoint_got_another_alias_leads_nowhere() -> None:
    scene = Scene()
    scene.client(0, 0, 1)
    scene.commit(Put(instance(0, 0)))
    scene.look()
    scene.commit(Put(endpoint(0, "moved.demo")))
    scene.look()
    scene.holds_what_the_world_says()
    assert not scene.told.bundles["client-0-1-0"].sends_to("10.0.0.0")


def test_a_deployment_that_is_gone_is_news_to_whoever_remembers_it() -> None:
    newsroom, key = Newsroom(), worlds.deployment("client-0", 1).key
    newsroom.take(SPACE, World.empty())
    newsroom.note(World.empty(), [(Deployment.table, key)])
    assert newsroom.take(SPACE, World.empty()).deployments == {key}


def test_proxies_of_one_deployment_and_zone_are_told_one_and_the_same() -> None:
    scene = Scene()
    scene.client(0, 0, 1)
    scene.commit(Put(replace(task(worlds.deployment("client-0", 1), 2), id="third")))
    third = next(each for each in scene.world.all(Task) if each.id == "third")
    scene.commit(Put(state(third, Status.RUNNING)), Put(instance(0, 0)))
    scene.look()
    assert scene.told.bundles["third"] is scene.told.bundles["client-0-1-0"]


def test_what_could_not_be_told_is_told_at_the_next_look() -> None:
    scene = Scene()
    scene.client(0, 0)
    scene.look()
    scene.commit(Put(instance(0, 0)))
    scene.told.refusing = True
    with pytest.raises(Refused):
        scene.look()
    scene.told.refusing = False
    scene.look()
    scene.holds_what_the_world_says()


def test_a_second_change_waits_for_the_hold_off() -> None:
    class Still:
        def now(self) -> datetime:
            return worlds.NOON

    mesh = Mesh(MemoryStore(), Told(), Still(), bundle_of)  # type: ignore[arg-type]  # asked for no more
    assert asyncio.run(mesh.reconcile(SPACE)) is None
    assert asyncio.run(mesh.reconcile(SPACE)) == HOLD_OFF
