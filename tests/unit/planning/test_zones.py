"""Which records follow from Cloud Map: by type, routing policy and health, and who may ask for them."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.changes import Put
from moorage.domain.registry import DNS_PRIVATE, DNS_PUBLIC, HTTP, Instance, Namespace, RegistryService
from moorage.domain.task import ContainerState, Status, TaskState
from moorage.domain.world import World
from moorage.domain.zones import RecordSet, Zones, read
from moorage.planning import zones
from moorage.planning.task_factory import new_task
from worlds import CLUSTER, HOME, NOON, Counter, deployment, running, service, stopped, world_with

NS = "ns-cccccccccccccccc"
SRV = "srv-cccccccccccccccc"
ADDRESS = {"AWS_INSTANCE_IPV4": "10.0.0.1", "AWS_INSTANCE_IPV6": "2001:db8::1", "AWS_INSTANCE_PORT": "8080"}


def private(kind: str = DNS_PRIVATE, **members: Any) -> Namespace:
    return Namespace(*HOME, NS, "SD.local", kind, NOON, vpc="vpc-1", **members)


def cloud_map(*records: str, policy: str = "MULTIVALUE", name: str = "web") -> RegistryService:
    dns = {"RoutingPolicy": policy, "DnsRecords": [{"Type": each, "TTL": 10} for each in records]}
    return RegistryService(*HOME, SRV, name, NS, "DNS_HTTP", NOON, dns_config=dns if records else None)


def instance(name: str, healthy: bool | None = None, **attributes: str) -> Instance:
    return Instance(*HOME, SRV, name, {**ADDRESS, **attributes}, NOON, healthy=healthy)


def planned(*records: Any) -> Zones:
    return zones.plan(World.empty().apply(Put(record) for record in records))


def sets(*records: Any) -> list[RecordSet]:
    (zone,) = planned(private(), *records).zones
    return list(zone.sets)


def test_without_a_private_dns_namespace_there_is_nothing():
    assert planned(private(HTTP), cloud_map("A"), instance("a")) == Zones()
    assert planned(private(DNS_PUBLIC), cloud_map("A"), instance("a")) == Zones()


def test_a_zone_has_the_namespaces_name_and_soa_ttl():
    (zone,) = planned(private()).zones
    assert (zone.name, zone.ttl, zone.place) == ("sd.local", 15, (*HOME, "vpc-1"))
    (zone,) = planned(private(properties={"DnsProperties": {"SOA": {"TTL": 7}}})).zones
    assert zone.ttl == 7


@pytest.mark.parametrize(
    ("kind", "value"), [("A", "10.0.0.1"), ("AAAA", "2001:db8::1"), ("SRV", "1 1 8080 task-1.web.sd.local.")]
)
def test_each_instance_is_a_record_of_each_type(kind, value):
    assert RecordSet("web.sd.local", kind, 10, 8, (value,)) in sets(cloud_map(kind), instance("task-1"))


def test_the_hosts_that_srv_records_name_have_addresses_of_their_own():
    found = {(each.name, each.type): each.values for each in sets(cloud_map("SRV"), instance("Task-1"))}
    assert found["task-1.web.sd.local", "A"] == ("10.0.0.1",)
    assert found["task-1.web.sd.local", "AAAA"] == ("2001:db8::1",)


def test_a_name_of_another_host_is_one_at_a_time():
    alias = instance("a", AWS_INSTANCE_CNAME="db.example.com")
    assert sets(cloud_map("CNAME", policy="WEIGHTED"), alias) == [
        RecordSet("web.sd.local", "CNAME", 10, 1, ("db.example.com.",))
    ]


def test_unhealthy_instances_are_left_out_unless_all_are():
    three = [instance("a", True), instance("b", False), instance("c", True)]
    three = [replace(each, attributes={"AWS_INSTANCE_IPV4": f"10.0.0.{n}"}) for n, each in enumerate(three)]
    assert sets(cloud_map("A"), *three)[0].values == ("10.0.0.0", "10.0.0.2")
    assert sets(cloud_map("A"), *(replace(each, healthy=False) for each in three))[0].values == (
        "10.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
    )


@pytest.mark.parametrize(
    "records",
    [
        (cloud_map("A"),),
        (cloud_map(), instance("a")),
        (cloud_map("A"), Instance(*HOME, SRV, "a", {}, NOON)),
        (cloud_map("A", name="x" * 64), instance("a")),
        (cloud_map("CNAME", policy="WEIGHTED"), instance("a", AWS_INSTANCE_CNAME="no name")),
        (cloud_map("SRV"), Instance(*HOME, SRV, "y" * 64, {"AWS_INSTANCE_PORT": "1"}, NOON)),
    ],
)
def test_what_has_no_record_to_give_has_no_name(records):
    assert sets(*records) == []


def test_tasks_ask_from_their_vpc_and_all_containers_of_a_bridge_task_from_none():
    first = deployment("web", 1)
    world = world_with(service(desired=3), first).apply([Put(private())])
    ids = Counter()
    own, bridge, over = (new_task(service(), first, world, ids, NOON) for _ in range(3))
    apart = tuple(ContainerState(name, address=address) for name, address in (("a", "100.64.0.3"), ("b", "100.64.0.4")))
    states = [running(own), TaskState(*bridge.key, status=Status.RUNNING, address="", containers=apart)]
    ended = replace(stopped(over, None, NOON), address="100.64.0.5")
    world = world.apply(Put(each) for each in [replace(own, vpc="vpc-1"), bridge, over, *states, ended])
    assert zones.plan(world).askers == {
        "100.64.0.9": (*HOME, "vpc-1"),
        "100.64.0.3": (*HOME, ""),
        "100.64.0.4": (*HOME, ""),
    }
    assert CLUSTER not in str(zones.plan(world).document()), "the name server is told no more than it needs"


def test_what_is_told_is_read_as_it_was():
    told = planned(private(), cloud_map("A", "SRV"), instance("a"), instance("b", False))
    assert read(told.document()) == replace(told, askers={})


@pytest.mark.parametrize(
    ("place", "seen"),
    [
        ((*HOME, "vpc-1"), True),
        ((*HOME, ""), True),
        ((*HOME, "vpc-2"), False),
        (("9", HOME[1], "vpc-1"), False),
        (None, True),
    ],
)
def test_a_zone_is_seen_from_its_own_vpc(place, seen):
    (zone,) = planned(private()).zones
    assert zone.is_seen_from(place) is seen
