"""Host ports: who fixes which, and that a service waits for one that is taken."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from moorage.domain.capacity import ContainerInstance
from moorage.domain.changes import Put
from moorage.domain.connect import ConnectConfiguration
from moorage.domain.service import ServiceProgress
from moorage.domain.task import PortBinding, Task
from moorage.domain.task_definition import TaskDefinition
from moorage.domain.world import World
from moorage.planning import ports, registration, service_plan, sidecar
from worlds import CLUSTER, HOME, NOON, Counter, definition, deployment, running, service, stopped, world_with

WEB = {"name": "web", "containerPort": 80, "hostPort": 8080, "appProtocol": "http"}
CONNECT: dict[str, Any] = {
    "enabled": True,
    "services": [{"portName": "web", "clientAliases": [{"port": 80}], "ingressPortOverride": 9000}],
}


def bridged(mode: str | None = "bridge", **port: Any) -> TaskDefinition:
    containers = [{"name": "app", "image": "app", "portMappings": [{**WEB, **port}]}]
    return definition(containers=containers, networkMode=mode)


def other(**members: Any) -> Task:
    """A task of another cluster on the same machine."""
    base = Task(*HOME, "elsewhere", "f" * 32, NOON, bridged().key, "family:web", "EC2")
    return replace(base, **members)


def world_of(*records: Any) -> World:
    primary = replace(deployment("web", 1), launch_type="EC2")
    instance = ContainerInstance(*HOME, CLUSTER, NOON)
    world = world_with(service(desired=3), primary)
    return world.apply([Put(each) for each in (instance, bridged(), *records)])


def test_only_bridge_tasks_fix_ports_and_overrides_count() -> None:
    assert ports.fixed(bridged(), None) == {("tcp", 8080)}
    assert ports.fixed(bridged(None), None) == {("tcp", 8080)}
    assert ports.fixed(bridged("awsvpc", hostPort=80), None) == frozenset()
    exposing = replace(deployment("web", 1), connect=CONNECT)
    assert ports.fixed(bridged(hostPort=0), exposing) == {("tcp", 9000)}


def test_a_port_is_taken_until_its_task_has_stopped_wherever_it_is() -> None:
    wanted = frozenset({("tcp", 8080), ("udp", 8080)})
    task = other()
    assert ports.taken(world_of(task), wanted) == {("tcp", 8080)}
    assert ports.taken(world_of(task, running(task)), wanted) == {("tcp", 8080)}
    ended = stopped(task, running(task), NOON)
    assert ports.taken(world_of(task, ended), wanted) == frozenset()
    assert ports.taken(world_of(other(launch_type="FARGATE")), wanted) == frozenset()


def test_a_service_starts_one_task_for_a_fixed_port_and_says_why_not_more() -> None:
    world, names = world_of(), Counter()
    first = service_plan.plan(next(world.all(type(service()))), world, NOON, names)
    world = world.apply(first.writes)
    assert len(list(world.all(Task))) == 1
    second = service_plan.plan(next(world.all(type(service()))), world, NOON, names)
    world = world.apply(second.writes)
    assert len(list(world.all(Task))) == 1
    (progress,) = world.all(ServiceProgress)
    assert progress.events[0].message.endswith(
        f"was unable to place a task because no container instance met all of its requirements. The closest matching "
        f"(container-instance {next(world.all(ContainerInstance)).id}) is already using a port required by your task."
    )
    assert second.wake is not None and second.wake <= timedelta(seconds=2)


def test_what_is_registered_is_the_proxys_port_of_the_instance() -> None:
    task, exposing = other(), replace(deployment("web", 1), connect=CONNECT, namespace_id="ns-1")
    proxy = sidecar.proxy_of(task, exposing, bridged())
    assert proxy is not None and proxy.apart
    (listener,) = proxy.ingress
    spec = sidecar.task_spec(task, bridged(), exposing)
    assert [each.name for each in spec.apart] == ["app", proxy.container]
    assert spec.ingress == ()
    assert PortBinding("app", 80, 8080) in spec.published
    assert PortBinding(proxy.container, listener.port, 9000) in spec.published
    bound = (PortBinding(proxy.container, listener.port, 9000), PortBinding("app", 80, 8080))
    state = replace(running(task), address="", host_address="100.64.0.1", bindings=bound)
    assert registration.serves(task, state)
    assert state.reached_at == "100.64.0.1"
    assert state.host_port(proxy.container, listener.port) == 9000
    assert ConnectConfiguration.read(CONNECT).exposed[0].ingress_port_override == 9000


def test_a_range_leads_port_by_port() -> None:
    bound = (PortBinding("app", 7000, 32768, "udp", 3, True),)
    state = replace(running(other()), bindings=bound)
    assert [state.host_port("app", port, "udp") for port in (6999, 7000, 7002, 7003)] == [0, 32768, 32770, 0]
    assert state.host_port("app", 7000) == 0
