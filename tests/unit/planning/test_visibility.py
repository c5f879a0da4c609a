from dataclasses import replace
from datetime import UTC, datetime

from moorage.domain.changes import Delete, Put
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.registry import HTTP, Instance, Namespace
from moorage.domain.service import Deployment, Service
from moorage.domain.world import World
from moorage.planning import visibility

HOME = ("111122223333", "eu-west-1")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = Namespace(*HOME, "ns-1", "hello.local", HTTP, NOON)


def endpoint(name: str, port: int = 80) -> ConnectEndpoint:
    return ConnectEndpoint(
        *HOME, "ns-1", name, f"srv-{name}", name, port, name, 8080, 8080, "http", 300, 15, (*HOME, "demo", name)
    )


def service(name: str, *known: ConnectEndpoint, namespace: str | None = "ns-1") -> list[Put]:
    deployed = Deployment(
        *HOME,
        "demo",
        name,
        "ecs-svc/1",
        NOON,
        (*HOME, "web", "1"),
        "FARGATE",
        namespace_id=namespace,
        known=freeze(known),
    )
    return [Put(Service(*HOME, "demo", name, NOON, "root", 2, "REPLICA", "ecs-svc/1")), Put(deployed)]


def instance(of: str, task: str) -> Put:
    return Put(Instance(*HOME, f"srv-{of}", task, {}, NOON, task_id=task))


API, WEB = endpoint("api"), endpoint("web")


def test_a_service_deployed_before_an_endpoint_is_stale_and_one_deployed_after_sees_it() -> None:
    world = World.empty().apply(
        [Put(SPACE), Put(API), Put(WEB), *service("api", API), *service("web", API, WEB), *service("early")]
    )
    found = {sight.alias: sight for sight in visibility.endpoints(world, *HOME)}
    assert found["api"].seen_by == ("demo/api", "demo/web")
    assert found["api"].stale == ("demo/early",)
    assert found["web"].stale == ("demo/api", "demo/early")
    assert found["web"].owner == "demo/web"
    assert found["web"].namespace == "hello.local"


def test_services_of_other_namespaces_and_those_being_deleted_are_neither() -> None:
    leaving, deployed = service("leaving")
    world = World.empty().apply(
        [
            Put(SPACE),
            Put(API),
            *service("api", API),
            *service("alone", namespace=None),
            *service("other", namespace="ns-2"),
            Put(replace(leaving.record, deleted_at=NOON)),
            deployed,
        ]
    )
    (sight,) = visibility.endpoints(world, *HOME)
    assert sight.seen_by == ("demo/api",)
    assert sight.stale == ()


def test_the_tasks_behind_an_endpoint_are_its_managed_instances() -> None:
    custom = Put(Instance(*HOME, "srv-api", "by-hand", {}, NOON))
    world = World.empty().apply(
        [Put(SPACE), Put(API), *service("api", API), instance("api", "t2"), instance("api", "t1"), custom]
    )
    (sight,) = visibility.endpoints(world, *HOME)
    assert sight.healthy == ("t1", "t2")
    assert sight.desired == 2


def test_a_name_that_nothing_offers_any_more_is_a_ghost_of_those_that_know_it() -> None:
    world = World.empty().apply([Put(SPACE), Put(API), *service("web", API)])
    assert visibility.ghosts(world, *HOME) == []
    gone = world.apply([Delete(API.table, API.key)])
    (ghost,) = visibility.ghosts(gone, *HOME)
    assert (ghost.service, ghost.alias, ghost.port) == ("demo/web", "api", 80)


def test_the_same_alias_on_another_port_is_another_endpoint() -> None:
    other = replace(endpoint("api", 81), discovery_name="api-admin")
    world = World.empty().apply([Put(SPACE), Put(API), Put(other), *service("web", API)])
    by_port = {sight.port: sight for sight in visibility.endpoints(world, *HOME)}
    assert by_port[80].seen_by == ("demo/web",)
    assert by_port[81].stale == ("demo/web",)


def test_another_region_has_its_own_endpoints() -> None:
    world = World.empty().apply([Put(SPACE), Put(API), *service("api", API)])
    assert visibility.endpoints(world, HOME[0], "us-east-1") == []
