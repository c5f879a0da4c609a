"""Look-ups that follow from several records equal their definitions, computed afresh, after any commits."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from commits import COMMITS, LAUNCH, PLACE
from moorage.domain.changes import Key, Put, Write
from moorage.domain.service import DAEMON, REPLICA, Deployment, Service, ServiceProgress, deployment_key
from moorage.domain.task import Status, Task, TaskState, desired_status, stop_of
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World


def keys(records: Iterable[Any]) -> list[Key]:
    return sorted(record.key for record in records)


def linked(world: World, kind: type[Any], name: str, *key: str) -> list[Key]:
    found = world.linked(kind, name, key)
    assert world.count_linked(kind, name, key) == len(found)
    return [record.key for record in found]


def check_tasks(world: World) -> None:
    seen = [(each, world.get(TaskState, each.key)) for each in world.all(Task)]
    running = [t for t, s in seen if s is not None and s.status is Status.RUNNING]
    starting = (Status.PROVISIONING, Status.PENDING)
    pending = [t for t, s in seen if stop_of(t, s) is None and (s is None or s.status in starting)]
    for name, counted in (("running", running), ("pending", pending)):
        assert linked(world, Task, f"cluster-{name}", *PLACE) == keys(counted)
        for launch in LAUNCH:
            assert linked(world, Task, f"launch-{name}", *PLACE, launch) == keys(
                t for t in counted if t.launch_type == launch
            )
        for of in ("web", "api"):
            assert linked(world, Task, f"service-{name}", *PLACE, of) == keys(t for t in counted if t.service == of)
    for of, number in product(("web", "api"), (1, 2)):
        mine = worlds.deployment(of, number).key
        for name, counted in (("running", running), ("pending", pending)):
            assert linked(world, Task, f"deployment-{name}", *mine) == keys(
                t for t in counted if t.deployment_key == mine
            )
        wanted = [t for t, s in seen if stop_of(t, s) is None and t.deployment_key == mine]
        assert linked(world, Task, "deployment-wanted", *mine) == keys(wanted)
    stopped = [t for t, s in seen if s is not None and s.status is Status.STOPPED]
    assert linked(world, Task, "live", *PLACE) == keys(t for t, _ in seen if t not in stopped)


def check_lists_of_tasks(world: World) -> None:
    seen = [(each, world.get(TaskState, each.key)) for each in world.all(Task)]
    for desired in ("RUNNING", "STOPPED"):
        mine = [t for t, s in seen if desired_status(t, s) == desired]
        assert linked(world, Task, "desired", *PLACE, desired) == keys(mine)
        for look_up, value, passes in (
            ("desired-family", "job", lambda t: t.task_definition[2] == "job"),
            ("desired-launch", "EC2", lambda t: t.launch_type == "EC2"),
            ("desired-starter", "me", lambda t: t.started_by == "me"),
            ("desired-service", "web", lambda t: t.service == "web"),
        ):
            assert linked(world, Task, look_up, *PLACE, value, desired) == keys(filter(passes, mine))
    on_machine = [t for t, s in seen if t.launch_type == "EC2"]
    there = [
        t
        for t in on_machine
        if ((s := world.get(TaskState, t.key)) is None and t.stop is None)
        or (s is not None and s.status is not Status.STOPPED)
    ]
    assert linked(world, Task, "placed", *PLACE) == keys(there)
    assert linked(world, Task, "placed-group", *PLACE, "family:job") == keys(
        t for t in there if t.group == "family:job"
    )


def check_services(world: World) -> None:
    gone = {each.key for each in world.all(ServiceProgress) if each.inactive_at is not None}
    listed = [each for each in world.all(Service) if each.key not in gone]
    primary = {each.key: world.get(Deployment, deployment_key(each.key, each.deployment_id)) for each in listed}
    assert linked(world, Service, "listed", *PLACE) == keys(listed)
    assert linked(world, Service, "active", *PLACE) == keys(s for s in listed if s.deleted_at is None)
    for launch in LAUNCH:
        mine = [s for s in listed if (of := primary[s.key]) is not None and of.launch_type == launch]
        assert linked(world, Service, "listed-launch", *PLACE, launch) == keys(mine)
        assert linked(world, Service, "launch-active", *PLACE, launch) == keys(s for s in mine if not s.deleted_at)
        assert linked(world, Service, "launch-draining", *PLACE, launch) == keys(s for s in mine if s.deleted_at)
    for strategy in (REPLICA, DAEMON):
        assert linked(world, Service, "listed-strategy", *PLACE, strategy) == keys(
            s for s in listed if s.scheduling_strategy == strategy
        )
    named = [s for s in listed if (of := primary[s.key]) is not None and of.namespace_id == worlds.NAMESPACE]
    assert linked(world, Service, "listed-namespace", *worlds.HOME, worlds.NAMESPACE) == keys(named)


def check_definitions(world: World) -> None:
    for status in ("ACTIVE", "INACTIVE"):
        mine = [each for each in world.all(TaskDefinition) if each.status == status]
        assert linked(world, TaskDefinition, "status", *worlds.HOME, status) == keys(mine)


def rebuilt(world: World) -> World:
    """The same records in a World that never saw another."""
    records = [record for table in world.tables.values() for record in table.values()]
    return World.empty().apply(Put(record) for record in records)


@settings(max_examples=150, deadline=None)
@given(COMMITS)
def test_every_look_up_equals_its_definition_after_any_commits(commits: list[list[Write]]) -> None:
    world = World.empty()
    for writes in commits:
        world = world.apply(writes)
        check_tasks(world)
        check_lists_of_tasks(world)
        check_services(world)
        check_definitions(world)
    assert rebuilt(world).look_ups == world.look_ups


@given(COMMITS, st.sampled_from(["desired", "live"]), st.booleans())
def test_a_walk_goes_on_after_any_key_in_either_direction(
    commits: list[list[Write]], name: str, descending: bool
) -> None:
    world = World.empty()
    for writes in commits:
        world = world.apply(writes)
    link = (name, (*PLACE, "RUNNING") if name == "desired" else PLACE)
    whole = world.linked(Task, *link)[:: -1 if descending else 1]
    for at, each in enumerate(whole):
        assert list(world.each_linked(Task, link, each.key, descending)) == whole[at + 1 :]
        assert world.is_linked(each, link)
