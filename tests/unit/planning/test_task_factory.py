"""What new tasks are given: tags, by the service's wish, and the size that overrides ask for."""

from dataclasses import replace

import pytest

from moorage.domain.changes import Put
from moorage.domain.service import Service
from moorage.domain.task import Stop, StopCode, Task
from moorage.domain.task_definition import DELETE_IN_PROGRESS, TaskDefinition
from moorage.planning import definitions, sidecar, task_factory
from moorage.planning.actions import Limits
from moorage.planning.placement import Place
from worlds import CLUSTER, HOME, NOON, Counter, definition, deployment, service, world_with

KEY = (*HOME, CLUSTER, "web")


def tags(**recorded: object) -> dict[str, str]:
    world = world_with(replace(service(), tags={"of": "service"}, recorded=recorded))
    world = world.apply([Put(replace(definition(), tags={"of": "definition"}))])
    spec = world.get(Service, KEY)
    return task_factory.new_task(spec, deployment("web", 1), world, Counter(), NOON).tags


@pytest.mark.parametrize(
    ("source", "expected"),
    [("SERVICE", {"of": "service"}), ("TASK_DEFINITION", {"of": "definition"}), ("NONE", {})],
)
def test_tags_come_from_where_the_service_says(source: str, expected: dict[str, str]):
    assert tags(propagateTags=source) == expected


def test_managed_tags_say_where_the_task_belongs():
    assert tags(enableECSManagedTags=True) == {"aws:ecs:clusterName": CLUSTER, "aws:ecs:serviceName": "web"}


def test_tasks_of_a_service_share_its_capacity_providers_beside_those_that_stay():
    strategy = tuple(
        {"capacityProvider": name, "weight": weight, "base": base}
        for name, weight, base in (("FARGATE", 1, 1), ("FARGATE_SPOT", 1, 0))
    )
    made = replace(deployment("web", 1), capacity_provider_strategy=strategy)
    world = world_with(service()).apply([Put(made)])
    first = task_factory.new_tasks(service(), made, [Place()] * 3, world, Counter(), NOON)
    assert [task.capacity_provider for task in first] == ["FARGATE", "FARGATE", "FARGATE_SPOT"]
    world = world.apply([Put(first[0]), Put(replace(first[1], stop=Stop(StopCode.USER_INITIATED, "", NOON)))])
    later = task_factory.new_tasks(service(), made, [Place()] * 2, world, Counter(), NOON)
    assert [task.capacity_provider for task in later] == ["FARGATE", "FARGATE_SPOT"]


def test_overrides_make_a_task_larger_than_its_definition():
    task = Task(*HOME, CLUSTER, "1" * 32, NOON, definition().key, "g", "EC2")
    assert sidecar.task_spec(task, definition(), None).limits == Limits(256, 512)
    larger = replace(task, overrides={"cpu": "1024", "memory": "2GB"})
    assert sidecar.task_spec(larger, definition(), None).limits == Limits(1024, 2048)


def test_a_deleted_definition_disappears_with_the_last_that_is_made_from_it():
    world = world_with(service())
    key, made_from = definition().key, deployment("web", 1).key
    assert definitions.disappearing(world, key, {made_from}) == []
    world = world.apply([Put(replace(definition(), status=DELETE_IN_PROGRESS))])
    task = Task(*HOME, CLUSTER, "1" * 32, NOON, key, "g", "EC2")
    busy = world.apply([Put(task)])
    assert definitions.disappearing(busy, key, {made_from}) == []
    (write,) = definitions.disappearing(busy, key, {made_from, task.key})
    assert busy.apply([write]).get(TaskDefinition, key) is None
