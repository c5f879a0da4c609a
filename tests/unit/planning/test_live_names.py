"""Which names a live deployment knows: those there are, each at an address that no other name ever had."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.changes import Put
from moorage.domain.connect import ConnectEndpoint, freeze
from moorage.domain.service import Deployment, Service
from moorage.domain.world import World
from moorage.planning import live_names

HOME = ("111122223333", "eu-west-1")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = (*HOME, "ns-1")


def endpoint(name: str, port: int = 80) -> ConnectEndpoint:
    key = (*HOME, "demo", name)
    return ConnectEndpoint(
        *SPACE, f"{name}-{port}", f"srv-{name}-{port}", name, port, name, 8080, 8080, "http", 300, 15, key
    )


DEPLOYMENT = Deployment(*HOME, "demo", "web", "d", NOON, (*HOME, "web", "1"), "FARGATE", namespace_id="ns-1")
SERVICE = Service(*HOME, "demo", "web", NOON, "root", 1, "REPLICA", "d")
LIVE = replace(SERVICE, tags={"moorage:names": "live"})
A, B, C = endpoint("a"), endpoint("b"), endpoint("c")


def planned(service: Service, default: str = "frozen") -> list[Deployment]:
    world = World.empty().apply([Put(service), Put(DEPLOYMENT), Put(A)])
    return live_names.plan(SPACE, world, default)


def test_only_live_services_learn_and_the_tag_wins_over_the_setting() -> None:
    assert planned(SERVICE) == []
    assert [each.known[0].endpoint for each in planned(LIVE)] == [A]
    assert [each.known[0].endpoint for each in planned(SERVICE, "live")] == [A]
    assert planned(replace(SERVICE, tags={"moorage:names": "frozen"}), "live") == []


def test_a_commit_rests_on_the_deployment_and_on_its_service() -> None:
    world = World.empty().apply([Put(LIVE), Put(DEPLOYMENT), Put(A)])
    writes, expect = live_names.writes(live_names.plan(SPACE, world, "frozen"), world)
    assert [write.record.id for write in writes] == ["d"]
    assert expect == {
        (Deployment.table, DEPLOYMENT.key): world.version(Deployment, DEPLOYMENT.key),
        (Service.table, SERVICE.key): world.version(Service, SERVICE.key),
    }


def test_a_name_that_comes_later_is_appended_and_the_others_keep_their_addresses() -> None:
    known = freeze([A, C])
    found = live_names.revised(replace(DEPLOYMENT, known=known), [A, B, C])
    assert found is not None
    assert found.known[:2] == known
    assert (found.known[2].vip, found.known[2].endpoint) == ("127.255.0.3", B)


def test_the_address_of_a_name_that_went_is_not_given_again() -> None:
    first = live_names.revised(DEPLOYMENT, [A, B])
    assert first is not None
    second = live_names.revised(first, [A])
    assert second is not None
    third = live_names.revised(second, [A, C])
    assert third is not None
    assert [(known.endpoint.alias, known.vip) for known in third.known] == [("a", "127.255.0.1"), ("c", "127.255.0.3")]


def test_a_further_port_of_a_name_has_the_address_of_the_name() -> None:
    found = live_names.revised(replace(DEPLOYMENT, known=freeze([A])), [A, endpoint("a", 81)])
    assert found is not None
    assert [known.vip for known in found.known] == ["127.255.0.1", "127.255.0.1"]


NAMES = st.frozensets(st.sampled_from("abcdefgh"))


@given(NAMES, st.lists(NAMES, max_size=8))
def test_whatever_comes_and_goes_a_deployment_knows_just_what_there_is(
    first: frozenset[str], later: list[frozenset[str]]
) -> None:
    deployment = replace(DEPLOYMENT, known=freeze(endpoint(name) for name in first))
    owners = {known.vip: known.endpoint.alias for known in deployment.known}
    for offered in later:
        endpoints = [endpoint(name) for name in sorted(offered)]
        before, deployment = deployment, live_names.revised(deployment, endpoints) or deployment
        assert {known.endpoint.alias for known in deployment.known} == offered
        assert live_names.revised(deployment, endpoints) is None
        kept = {known.endpoint.alias: known.vip for known in before.known}
        for known in deployment.known:
            assert kept.get(known.endpoint.alias, known.vip) == known.vip
            if known.endpoint.alias not in kept:
                assert known.vip not in owners
            owners[known.vip] = known.endpoint.alias
