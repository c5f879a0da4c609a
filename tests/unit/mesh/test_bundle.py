"""A bundle knows whether it fits together, and a change touches no more than it must."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.mesh import names
from moorage.mesh.bundle import bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import Endpoint, Endpoints, Ingress, Protocol, Timeouts, Upstream, View


@st.composite
def upstreams(draw: st.DrawFn) -> Upstream:
    number, port = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    hosts = draw(st.lists(st.integers(1, 5), max_size=4))
    endpoints = tuple(Endpoint(f"t{host}", f"10.0.0.{host}", 80, draw(st.sampled_from("ab"))) for host in hosts)
    protocol = draw(st.sampled_from(Protocol))
    return Upstream(
        "ns", f"d{number}", f"n{number}", port, f"127.255.0.{number}", protocol, Timeouts(300, 15), endpoints
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    known = draw(st.lists(upstreams(), unique_by=lambda each: (each.alias, each.alias_port), max_size=6))
    ports = draw(st.lists(st.integers(1, 5), unique=True, max_size=3))
    ingress = tuple(
        Ingress(f"p{port}", 42000 + port, port, draw(st.sampled_from(Protocol)), Timeouts(300, 15)) for port in ports
    )
    return View("task", "set", "us-east-1", "us-east-1a", 42000, tuple(known), ingress)


@given(views())
@settings(deadline=None)
def test_every_view_makes_a_consistent_bundle(view: View) -> None:
    assert bundle_of(view).consistent() == []


@given(views(), st.data())
@settings(deadline=None)
def test_a_bundle_that_lacks_what_it_names_says_so(view: View, data: st.DataObject) -> None:
    whole = [item for type_url in names.TYPES for item in bundle_of(view).of(type_url).values()]
    inner = [item for item in whole if item.type_url != names.LISTENER]
    if not inner:
        return
    lost = data.draw(st.sampled_from(inner))
    problems = bundle(item for item in whole if item is not lost).consistent()
    assert any(lost.name in problem for problem in problems)


@given(views(), views())
@settings(deadline=None)
def test_a_diff_turns_one_bundle_into_the_other(old: View, new: View) -> None:
    before, after = bundle_of(old), bundle_of(new)
    diff = after.diff(before)
    held = {(item.type_url, item.name): item for type_url in names.TYPES for item in before.of(type_url).values()}
    for key in diff.removed:
        del held[key]
    held.update({(item.type_url, item.name): item for item in diff.changed})
    assert bundle(held.values()) == after
    assert bool(diff) == (before != after)


VIEW = View(
    "task",
    "set",
    "us-east-1",
    "us-east-1a",
    42000,
    tuple(Upstream("ns", f"d{n}", f"n{n}", 80, f"127.255.0.{n}", Protocol.HTTP, Timeouts(300, 15), ()) for n in (1, 2)),
    (Ingress("web", 42001, 8080, Protocol.HTTP, Timeouts(300, 15)),),
)


def test_a_new_endpoint_changes_one_resource_only() -> None:
    first, second = VIEW.upstreams
    changed = replace(VIEW, upstreams=(replace(first, endpoints=(Endpoint("t", "10.0.0.1", 80),)), second))
    diff = bundle_of(changed).diff(bundle_of(VIEW))
    assert [(item.type_url, item.name) for item in diff.changed] == [(names.ENDPOINTS, "egress/n1:80")]
    assert diff.removed == ()


def test_proxies_share_what_is_equal() -> None:
    other = bundle_of(replace(VIEW, node_id="other", egress_port=42009))
    for type_url in (names.CLUSTER, names.ENDPOINTS, names.ROUTE):
        ours = bundle_of(VIEW).of(type_url)
        assert all(ours[name] is item for name, item in other.of(type_url).items())


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (replace(VIEW, upstreams=VIEW.upstreams * 2), "Cluster egress/n1:80 is there twice"),
        (replace(VIEW, egress_port=42001), "Listener ingress-web binds port 42001, as does egress"),
        (
            replace(VIEW, upstreams=(*VIEW.upstreams, replace(VIEW.upstreams[0], alias="n9"))),
            "Listener egress takes 127.255.0.1:80 twice",
        ),
    ],
)
def test_what_two_claim_is_reported(broken: View, problem: str) -> None:
    assert problem in bundle_of(broken).consistent()


@given(views(), views(), st.data())
@settings(deadline=None)
def test_a_bundle_made_from_the_last_one_is_the_bundle_made_anew(old: View, other: View, data: st.DataObject) -> None:
    hosts = st.lists(st.integers(1, 5).map(lambda n: Endpoint(f"t{n}", f"10.0.0.{n}", 80, "us-east-1a")), max_size=4)
    moved = tuple(replace(each, endpoints=tuple(data.draw(hosts))) for each in old.upstreams)
    for new in (old, replace(old, upstreams=moved, siblings=(Endpoint("s", "10.0.1.1", 1, "a"),)), other):
        made, anew = bundle_of(new, last=(old, bundle_of(old))), bundle_of(new)
        assert (made, made.by_type, made.problems) == (anew, anew.by_type, anew.problems)
        for type_url in names.TYPES:
            diff = {item.name for item in anew.diff(bundle_of(old)).changed if item.type_url == type_url}
            diff |= {name for kind, name in anew.diff(bundle_of(old)).removed if kind == type_url}
            assert made.differing(bundle_of(old), type_url) >= diff


def test_where_nothing_differs_the_bundle_is_the_same_object_and_where_endpoints_do_it_says_which() -> None:
    upstream = Upstream("ns", "d", "n", 80, "127.255.0.1", Protocol.HTTP, Timeouts(300, 15), ())
    view = View("one", "set", "us-east-1", "", 42000, (upstream,), ())
    first = bundle_of(view)
    assert bundle_of(replace(view, node_id="two"), last=(view, first)) is first
    moved = replace(view, upstreams=(replace(upstream, endpoints=(Endpoint("t", "10.0.0.1", 80),)),))
    second = bundle_of(moved, last=(view, first))
    told_where = bundle_of(moved, last=(view, first), places=[0])
    assert (told_where, told_where.by_type, told_where.revision) == (second, second.by_type, second.revision)
    assert second.differing(first, names.ENDPOINTS) == {"egress/n:80"}
    assert not any(second.differing(first, each) for each in names.TYPES if each != names.ENDPOINTS)
    assert (first.sends_to("10.0.0.1"), second.sends_to("10.0.0.1")) == (False, True)
    with pytest.raises(LookupError, match="egress/other:80 has no endpoints"):
        second.revised([replace(second.of(names.ENDPOINTS)["egress/n:80"], name="egress/other:80")])


def test_endpoints_are_told_apart_as_tuples_are() -> None:
    one, two = (Endpoint("t", "10.0.0.1", 80),), (Endpoint("t", "10.0.0.2", 80),)
    assert Endpoints(one) == one == Endpoints(one)
    assert Endpoints(one) != Endpoints(two) != one
    assert hash(Endpoints(one)) == hash(one)
