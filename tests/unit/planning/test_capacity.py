"""Where tasks may be and which may be stopped: draining, constraints, daemons, protection."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain import service as words
from moorage.domain.capacity import DRAINING, ContainerInstance
from moorage.domain.changes import Put
from moorage.domain.service import DAEMON, DeploymentConfiguration, Rollout, Service, ServiceProgress
from moorage.domain.world import World
from moorage.planning import service_plan
from worlds import CLUSTER, HOME, NOON, Counter, deployment, later, live, running, service, stopped, tasks, world_with
from worlds import rollout as rollout_of

KEY = (*HOME, CLUSTER, "web")
FAST = {"type": "memberOf", "expression": "attribute:disk == fast"}
DISTINCT = {"type": "distinctInstance"}


def world_on_ec2(spec: Service, **instance: object) -> World:
    """A service of the EC2 launch type, and this machine."""
    world = world_with(spec, replace(deployment("web", 1), launch_type="EC2"))
    return world.apply([Put(ContainerInstance(*HOME, CLUSTER, NOON, **instance))])


def step(world: World, names: Counter, now=NOON) -> World:
    plan = service_plan.plan(world.get(Service, KEY), world, now, names)
    world.check_expected(plan.read)
    return world.apply(plan.writes) if plan.writes else world


def move(world: World, now=NOON) -> World:
    """Let young tasks become healthy and tasks that were told to, stop."""
    young = [Put(running(t, now)) for t, s in live(world) if s is None]
    ended = [Put(stopped(t, s, now)) for t, s in tasks(world) if t.stop and (s is None or s.status != "STOPPED")]
    return world.apply([*young, *ended]) if young or ended else world


def settle(world: World, names: Counter, now=NOON) -> World:
    for _ in range(20):
        before = world
        world = move(step(world, names, now), now)
        if world is before:
            return world
    raise AssertionError("the plan does not settle")


def put_instance(world: World, **members: object) -> World:
    return world.apply([Put(replace(world.get(ContainerInstance, KEY[:3]), **members))])


def deploy(world: World, number: int, now=NOON) -> World:
    spec = world.get(Service, KEY)
    new = replace(deployment("web", number), created_at=now, replaces=spec.deployment_id, launch_type="EC2")
    return world.apply([Put(new), Put(rollout_of(new)), Put(replace(spec, deployment_id=new.id))])


def messages(world: World) -> list[str]:
    return [event.message for event in world.get(ServiceProgress, KEY).events]


def daemon() -> Service:
    return replace(
        service(desired=0),
        scheduling_strategy=DAEMON,
        deployment_configuration=DeploymentConfiguration(maximum_percent=100, minimum_healthy_percent=0),
    )


def test_a_daemon_has_one_task_and_completes():
    world = settle(world_on_ec2(daemon()), Counter())
    assert len(live(world)) == 1
    (state,) = world.linked(Rollout, "service", KEY)
    assert state.state == words.COMPLETED


def test_a_daemon_leaves_a_draining_machine_and_comes_back():
    names = Counter()
    world = settle(put_instance(settle(world_on_ec2(daemon()), names), status=DRAINING), names, later(1))
    assert live(world) == []
    world = settle(put_instance(world, status="ACTIVE"), names, later(2))
    assert len(live(world)) == 1


def test_a_daemon_is_replaced_by_stopping_the_old_task_first():
    names = Counter()
    world = step(deploy(settle(world_on_ec2(daemon()), names), 2, later(1)), names, later(1))
    assert live(world) == []
    world = settle(world, names, later(1))
    assert [task.deployment_id[-1] for task, _ in live(world)] == ["2"]


def test_services_leave_a_draining_machine_down_to_their_floor():
    for minimum, left in ((100, 4), (50, 2), (0, 0)):
        names = Counter()
        world = settle(world_on_ec2(service(desired=4, minimum=minimum)), names)
        world = settle(put_instance(world, status=DRAINING), names, later(1))
        assert len(live(world)) == left


def test_a_service_that_cannot_be_placed_says_why_once():
    names = Counter()
    spec = replace(service(desired=2), placement_constraints=(FAST,))
    world = step(step(world_on_ec2(spec), names), names, later(1))
    assert live(world) == []
    assert sum("MemberOf placement constraint unsatisfied" in each for each in messages(world)) == 1
    world = settle(put_instance(world, attributes={"disk": "fast"}), names, later(2))
    assert len(live(world)) == 2


def test_a_service_on_distinct_instances_has_one_task_here():
    world = settle(world_on_ec2(replace(service(desired=3), placement_constraints=(DISTINCT,))), Counter())
    assert len(live(world)) == 1
    assert any("DistinctInstance placement constraint unsatisfied" in each for each in messages(world))


def test_fargate_is_not_asked_where_it_runs():
    world = world_with(replace(service(desired=2), placement_constraints=(FAST,)))
    world = world.apply([Put(ContainerInstance(*HOME, CLUSTER, NOON, status=DRAINING))])
    assert len(live(settle(world, Counter()))) == 2


def test_a_protected_task_outlives_the_scaling_and_leaves_when_it_expires():
    names = Counter()
    world = settle(world_on_ec2(service(desired=3)), names)
    chosen = [task for task, _ in live(world)][:2]
    world = world.apply([Put(replace(task, protected_until=later(60))) for task in chosen])
    world = world.apply([Put(replace(world.get(Service, KEY), desired_count=0))])
    world = settle(world, names, later(1))
    assert {task.id for task, _ in live(world)} == {task.id for task in chosen}
    plan = service_plan.plan(world.get(Service, KEY), world, later(20), names)
    assert plan.wake == timedelta(seconds=40)
    assert live(settle(world, names, later(60))) == []


def test_a_deployment_waits_for_protected_tasks_and_then_completes():
    names = Counter()
    world = settle(world_on_ec2(service(desired=2)), names)
    kept = live(world)[0][0]
    world = settle(deploy(world.apply([Put(replace(kept, protected_until=later(60)))]), 2), names, later(1))
    assert kept.id in {task.id for task, _ in live(world)}
    assert len(live(world)) == 3
    assert world.get(Rollout, deployment("web", 2).key).state == words.IN_PROGRESS
    world = settle(world, names, later(61))
    assert len(live(world)) == 2
    assert world.get(Rollout, deployment("web", 2).key).state == words.COMPLETED


@settings(max_examples=60, deadline=None)
@given(
    desired=st.integers(0, 5),
    wanted=st.integers(0, 5),
    minimum=st.sampled_from([0, 50, 100]),
    protected=st.integers(0, 5),
    drain=st.booleans(),
    roll=st.booleans(),
)
def test_no_step_stops_a_protected_task_or_goes_below_the_floor(desired, wanted, minimum, protected, drain, roll):
    names = Counter()
    world = settle(world_on_ec2(service(desired=desired, minimum=minimum)), names)
    safe = [task for task, _ in live(world)][:protected]
    world = world.apply([Put(replace(task, protected_until=later(600))) for task in safe])
    world = world.apply([Put(replace(world.get(Service, KEY), desired_count=wanted))])
    world = deploy(world, 2, later(1)) if roll else world
    world = put_instance(world, status=DRAINING) if drain else world
    floor = min(desired, -(-wanted * minimum // 100))
    for _ in range(12):
        world = move(step(world, names, later(2)), later(2))
        alive = {task.id for task, _ in live(world)}
        assert {task.id for task in safe} <= alive
        assert len(alive) >= floor


def test_a_service_starts_what_the_instance_has_room_for_and_says_what_is_lacking() -> None:
    names = Counter()
    world = settle(world_on_ec2(service(desired=4), cpu=600, memory=8192), names)
    assert len(live(world)) == 2
    told = "(service web) was unable to place a task because no container instance met all of its requirements."
    lacking = [message for message in messages(world) if message.startswith(told)]
    assert len(lacking) == 1
    assert lacking[0].endswith("has insufficient CPU units available.")
    plan = service_plan.plan(world.get(Service, KEY), world, NOON, names)
    assert plan.wake is not None, "others may give back what is lacking"
    assert len(live(settle(put_instance(world, cpu=2048), names))) == 4


def test_memory_that_is_lacking_is_told_as_such() -> None:
    world = settle(world_on_ec2(service(desired=3), cpu=4096, memory=1024 + 511), Counter())
    assert len(live(world)) == 2
    assert any("has insufficient memory available." in message for message in messages(world))
