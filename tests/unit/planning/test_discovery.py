"""What service discovery registers: tasks that run, from their first moment to the word that ends them."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.registry import Instance, InstancesRevision, RegistryService
from moorage.domain.service_registry import ServiceRegistry
from moorage.domain.task import PortBinding, Status, Stop, StopCode, Task, TaskState
from moorage.domain.world import World
from moorage.planning import registration, releasing
from moorage.planning.task_factory import new_task
from worlds import HOME, NAMESPACE, NOON, Counter, definition, deployment, exposing, later, running, service, world_with

ID = "srv-bbbbbbbbbbbbbbbb"
REGISTRY = ServiceRegistry(f"arn:aws:servicediscovery:us-east-1:111122223333:service/{ID}")
CHECKED = [
    {
        "name": "app",
        "image": "web",
        "essential": True,
        "healthCheck": {"command": ["CMD-SHELL", "true"]},
        "portMappings": [{"containerPort": 5000}],
    }
]
WEB = service(desired=1)


def world_of(registry: ServiceRegistry = REGISTRY, custom: bool = True, **document: Any) -> World:
    """One task that runs, and has told nothing of its health."""
    health = {"FailureThreshold": 1} if custom else None
    cloud_map = RegistryService(*HOME, ID, "web", NAMESPACE, "DNS_HTTP", NOON, health_check_custom_config=health)
    first = deployment("web", 1, registries=(registry,))
    world = world_with(WEB, first).apply([Put(cloud_map), Put(definition(**document))])
    task = replace(new_task(WEB, first, world, Counter(), NOON), availability_zone="us-east-1b")
    return world.apply([Put(task), Put(running(task, healthy=False))])


def seen(world: World, **members: Any) -> World:
    """The World after something was seen of the task, and the registry followed."""
    (state,) = world.all(TaskState)
    return registered(world.apply([Put(replace(state, **members))]))


def registered(world: World) -> World:
    return world.apply(registration.plan(WEB, world, later(1)))


def instance(world: World) -> Instance | None:
    found = list(world.all(Instance))
    assert len(found) <= 1
    return found[0] if found else None


def revision(world: World) -> int:
    found = world.get(InstancesRevision, (*HOME, ID))
    return found.number if found is not None else 0


def test_a_task_is_registered_as_soon_as_it_runs_with_what_ecs_tells_of_it():
    world = registered(world_of())
    found = instance(world)
    assert [found.id, found.task_id] == [task.id for task in world.all(Task)] * 2
    assert found.attributes == {
        "AWS_INIT_HEALTH_STATUS": "HEALTHY",
        "AWS_INSTANCE_IPV4": "100.64.0.9",
        "AVAILABILITY_ZONE": "us-east-1b",
        "ECS_CLUSTER_NAME": "demo",
        "ECS_SERVICE_NAME": "web",
        "ECS_TASK_DEFINITION_FAMILY": "web",
        "REGION": "us-east-1",
    }
    assert (found.healthy, revision(world)) == (True, 1)
    assert registration.plan(WEB, world, later(5)) == []


def test_a_checked_task_is_unhealthy_until_it_passes_and_leaves_when_it_fails():
    world = registered(world_of(containers=CHECKED))
    assert (instance(world).healthy, instance(world).attributes["AWS_INIT_HEALTH_STATUS"]) == (False, "UNHEALTHY")
    world = seen(world, health="HEALTHY")
    assert (instance(world).healthy, instance(world).attributes["AWS_INIT_HEALTH_STATUS"]) == (True, "UNHEALTHY")
    assert revision(world) == 1, "a change of health is no revision of the instances"
    world = seen(world, health="UNHEALTHY")
    assert (instance(world), revision(world)) == (None, 2)


def test_without_a_custom_health_check_cloud_map_is_told_no_health():
    found = instance(registered(world_of(custom=False, containers=CHECKED)))
    assert found.healthy is None
    assert "AWS_INIT_HEALTH_STATUS" not in found.attributes


@pytest.mark.parametrize(
    "registry", [replace(REGISTRY, port=7), replace(REGISTRY, container_name="app", container_port=7)]
)
def test_a_task_with_an_address_of_its_own_is_told_with_the_port_that_was_named(registry):
    assert instance(registered(world_of(registry))).attributes["AWS_INSTANCE_PORT"] == "7"


def test_a_bridge_task_is_told_with_its_port_of_the_instance_once_it_has_one():
    registry = replace(REGISTRY, container_name="app", container_port=5000)
    world = seen(world_of(registry, networkMode="bridge"), address="", host_address="100.64.0.1")
    assert instance(world) is None
    world = seen(world, bindings=(PortBinding("app", 5000, 32768),))
    attributes = instance(world).attributes
    assert (attributes["AWS_INSTANCE_IPV4"], attributes["AWS_INSTANCE_PORT"]) == ("100.64.0.1", "32768")


@pytest.mark.parametrize("members", [{"status": Status.DEACTIVATING}, {"status": Status.STOPPED}])
def test_what_runs_no_more_is_registered_no_more(members):
    assert instance(seen(registered(world_of()), **members)) is None


def test_a_task_that_shall_stop_leaves_at_once():
    world = registered(world_of())
    (task,) = world.all(Task)
    stop = Stop(StopCode.USER_INITIATED, "enough", later(2))
    assert instance(registered(world.apply([Put(replace(task, stop=stop))]))) is None


def test_a_cloud_map_service_that_is_gone_gets_no_instances():
    world = world_of()
    (cloud_map,) = world.all(RegistryService)
    assert registration.plan(WEB, world.apply(cloud_map.removal()), later(1)) == []


def test_other_services_instances_of_the_same_cloud_map_service_are_left_alone():
    by_hand = Instance(*HOME, ID, "by-hand", {"AWS_INSTANCE_IPV4": "10.0.0.1"}, NOON)
    other = Instance(*HOME, ID, "x", {}, NOON, task_id="x", owner="arn:aws:ecs:us-east-1:111122223333:service/demo/b")
    world = registered(world_of().apply([Put(by_hand), Put(other)]))
    assert len(list(world.all(Instance))) == 3
    world = world.apply(releasing.releases(world, WEB)[0])
    assert {each.id for each in world.all(Instance)} == {"by-hand", "x"}
    assert world.get(RegistryService, (*HOME, ID)) is not None, "it is the user's"


def test_one_service_may_use_service_connect_and_service_discovery_side_by_side():
    records, first = exposing(WEB)
    world = world_of()
    (task_state,) = world.all(TaskState)
    both = replace(first, registries=(REGISTRY,))
    world = world.apply([*(Put(each) for each in records), Put(both)])
    assert {each.service_id for each in registered(world).all(Instance)} == {ID}
    world = registered(world.apply([Put(replace(task_state, healthy_at=NOON))]))
    assert {each.service_id for each in world.all(Instance)} == {ID, "srv-aaaaaaaaaaaaaaaa"}
