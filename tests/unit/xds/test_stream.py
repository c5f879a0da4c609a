"""The delta protocol by example: what is answered to which request, and what is booked."""

import pytest
from envoy.service.discovery.v3 import discovery_pb2

from moorage.mesh import names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View
from moorage.xds.stream import DeltaStream, UnknownType

Request = discovery_pb2.DeltaDiscoveryRequest
HTTP = Timeouts(300, 15)


def bundle(*numbers: int, host: str = "10.0.0.1", ingress: bool = False, timeouts: Timeouts = HTTP) -> Bundle:
    upstreams = tuple(
        Upstream("ns", f"n{n}", f"n{n}", 80, f"127.255.0.{n}", Protocol.HTTP, timeouts, (Endpoint("t", host, 80),))
        for n in numbers
    )
    exposed = (Ingress("web", 42001, 80, Protocol.HTTP, HTTP),) if ingress else ()
    return bundle_of(View("task", "set", "us-east-1", "a", 42000, upstreams, exposed))


class Dialogue:
    """A stream with the bundle it shall bring about."""

    def __init__(self, wanted: Bundle) -> None:
        self.stream = DeltaStream()
        self.wanted = wanted
        self.nonces: dict[str, str] = {}

    def say(self, type_url: str, *subscribe: str, **fields: object) -> list[tuple[str, list[str], list[str]]]:
        self.stream.receive(Request(type_url=type_url, resource_names_subscribe=subscribe, **fields))
        return self.hear()

    def hear(self) -> list[tuple[str, list[str], list[str]]]:
        responses = self.stream.responses(self.wanted)
        self.nonces.update({each.type_url: each.nonce for each in responses})
        return [
            (each.type_url, [item.name for item in each.resources], list(each.removed_resources)) for each in responses
        ]

    def ack(self, type_url: str) -> list[tuple[str, list[str], list[str]]]:
        return self.say(type_url, response_nonce=self.nonces[type_url])

    def nack(self, type_url: str, reason: str) -> list[tuple[str, list[str], list[str]]]:
        request = Request(type_url=type_url, response_nonce=self.nonces[type_url])
        request.error_detail.message = reason
        self.stream.receive(request)
        return self.hear()


N1, N2 = "egress/n1:80", "egress/n2:80"


def test_listeners_wait_for_clusters_and_endpoints_and_routes_come_when_asked_for() -> None:
    talk = Dialogue(bundle(1))
    assert talk.say(names.CLUSTER) == [(names.CLUSTER, [N1], [])]
    assert talk.say(names.LISTENER) == []
    assert talk.say(names.ENDPOINTS, N1) == [(names.ENDPOINTS, [N1], [])]
    assert talk.ack(names.CLUSTER) == []
    assert talk.ack(names.ENDPOINTS) == [(names.LISTENER, ["egress"], [])]
    assert talk.say(names.ROUTE, N1) == [(names.ROUTE, [N1], [])]
    assert talk.ack(names.LISTENER) == []
    assert not talk.stream.in_place(talk.wanted)
    assert talk.ack(names.ROUTE) == []
    assert talk.stream.in_place(talk.wanted)


def test_a_proxy_with_nothing_to_know_is_told_so_once() -> None:
    talk = Dialogue(bundle())
    assert talk.say(names.CLUSTER) == [(names.CLUSTER, [], [])]
    assert talk.say(names.LISTENER) == [(names.LISTENER, [], [])]
    assert talk.ack(names.CLUSTER) == []
    assert talk.ack(names.LISTENER) == []


def test_removals_go_last_and_from_the_door_inwards() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.LISTENER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.CLUSTER)
    talk.ack(names.ENDPOINTS)
    talk.ack(names.LISTENER)
    talk.wanted = bundle(2)
    assert talk.hear() == [(names.CLUSTER, [N2], [])]
    talk.say(names.ENDPOINTS, N2)
    talk.ack(names.ENDPOINTS)
    assert talk.ack(names.CLUSTER) == [(names.LISTENER, ["egress"], [])]
    assert talk.ack(names.LISTENER) == [(names.CLUSTER, [], [N1])]


def test_what_came_along_in_the_right_version_is_not_sent_again() -> None:
    talk = Dialogue(bundle(1, 2))
    held = {N1: talk.wanted.of(names.CLUSTER)[N1].version, "egress/old:80": "1"}
    assert talk.say(names.CLUSTER, initial_resource_versions=held) == [(names.CLUSTER, [N2], [])]
    talk.say(names.ENDPOINTS, N1, N2, initial_resource_versions={N1: talk.wanted.of(names.ENDPOINTS)[N1].version})
    talk.ack(names.ENDPOINTS)
    assert talk.ack(names.CLUSTER) == [(names.CLUSTER, [], ["egress/old:80"])]


def test_asking_again_for_a_name_gets_it_again() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    assert talk.say(names.ENDPOINTS, N1) == [(names.ENDPOINTS, [N1], [])]


def test_a_name_that_there_is_not_is_answered_and_sent_when_it_comes() -> None:
    talk = Dialogue(bundle())
    assert talk.say(names.ENDPOINTS, N1) == [(names.ENDPOINTS, [], [N1])]
    assert talk.ack(names.ENDPOINTS) == []
    talk.wanted = bundle(1)
    assert talk.hear() == [(names.ENDPOINTS, [N1], [])]


def test_an_explicit_wildcard_can_be_given_up() -> None:
    talk = Dialogue(bundle(1))
    assert talk.say(names.CLUSTER, "*") == [(names.CLUSTER, [N1], [])]
    talk.ack(names.CLUSTER)
    assert talk.say(names.CLUSTER, resource_names_unsubscribe=["*"]) == []
    talk.wanted = bundle(1, 2)
    assert talk.hear() == []


def test_an_unsubscribed_name_is_not_sent_any_more() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    talk.say(names.ENDPOINTS, resource_names_unsubscribe=[N1])
    talk.wanted = bundle(1, host="10.0.0.2")
    assert talk.hear() == []


def test_of_a_refused_batch_each_is_tried_alone_and_the_bad_one_is_named() -> None:
    talk = Dialogue(bundle(1, 2))
    talk.say(names.CLUSTER)
    assert talk.nack(names.CLUSTER, "one of them") == [(names.CLUSTER, [N1], [])]
    assert talk.ack(names.CLUSTER) == [(names.CLUSTER, [N2], [])]
    assert talk.nack(names.CLUSTER, "this one") == []
    assert {name: refusal.reason for name, refusal in talk.stream.ledgers[names.CLUSTER].refused.items()} == {
        N2: "this one"
    }


def test_an_answer_to_an_older_response_says_nothing_about_the_newest() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    assert talk.say(names.CLUSTER, response_nonce="long ago") == []
    assert not talk.stream.ledgers[names.CLUSTER].holds(N1)


def test_an_unknown_type_is_refused_by_name() -> None:
    with pytest.raises(UnknownType, match=r"Secret"):
        DeltaStream().receive(Request(type_url="type.googleapis.com/envoy.Secret"))


def test_an_address_is_held_from_being_sent_until_its_removal_is_acknowledged() -> None:
    talk = Dialogue(bundle(1))
    assert not talk.stream.may_hold("10.0.0.1", None)
    assert talk.stream.may_hold("10.0.0.1", talk.wanted)
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.wanted = bundle(1, host="10.0.0.2")
    assert talk.stream.may_hold("10.0.0.1", talk.wanted)
    talk.ack(names.ENDPOINTS)
    assert talk.stream.may_hold("10.0.0.1", talk.wanted)
    talk.ack(names.ENDPOINTS)
    assert not talk.stream.may_hold("10.0.0.1", talk.wanted)
    assert talk.stream.may_hold("10.0.0.2", talk.wanted)


def test_a_refused_removal_of_an_address_leaves_it_held() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    talk.wanted = bundle(1, host="10.0.0.2")
    talk.hear()
    talk.nack(names.ENDPOINTS, "no")
    assert talk.stream.may_hold("10.0.0.1", talk.wanted)


def test_a_static_cluster_needs_no_endpoints() -> None:
    talk = Dialogue(bundle(ingress=True))
    talk.say(names.CLUSTER)
    talk.say(names.LISTENER)
    assert talk.ack(names.CLUSTER) == [(names.LISTENER, ["ingress-web"], [])]


def test_nothing_leads_to_a_cluster_whose_removal_is_under_way_though_it_is_wanted_again() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    talk.ack(names.CLUSTER)
    talk.wanted = bundle()
    assert talk.hear() == [(names.CLUSTER, [], [N1])]
    talk.wanted = bundle(1)
    assert talk.say(names.LISTENER) == []
    assert not talk.stream.in_place(talk.wanted)
    assert talk.ack(names.CLUSTER) == [(names.CLUSTER, [N1], []), (names.ENDPOINTS, [N1], [])]
    assert talk.ack(names.ENDPOINTS) == []
    assert talk.ack(names.CLUSTER) == [(names.LISTENER, ["egress"], [])]


def test_endpoints_that_a_changed_cluster_lost_are_sent_though_they_were_acknowledged_and_others_refused() -> None:
    talk = Dialogue(bundle(1))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    talk.ack(names.CLUSTER)
    changed = Timeouts(60, 5)
    talk.wanted = bundle(1, host="10.0.0.2", timeouts=changed)
    assert talk.hear() == [(names.CLUSTER, [N1], []), (names.ENDPOINTS, [N1], [])]
    assert talk.nack(names.ENDPOINTS, "no") == []
    assert talk.ack(names.CLUSTER) == []
    talk.wanted = bundle(1, timeouts=changed)
    assert talk.hear() == [(names.ENDPOINTS, [N1], [])]
    assert talk.ack(names.ENDPOINTS) == []


def whole(wanted: Bundle) -> Dialogue:
    """A proxy that holds clusters, endpoints and listeners, and answered for each."""
    talk = Dialogue(wanted)
    talk.say(names.CLUSTER)
    talk.say(names.LISTENER)
    talk.say(names.ENDPOINTS, N1)
    talk.ack(names.ENDPOINTS)
    talk.ack(names.CLUSTER)
    talk.ack(names.LISTENER)
    return talk


SHORT = Timeouts(60, 5)
"""Another idle time makes another cluster."""


def test_endpoints_refused_while_their_cluster_changed_are_sent_to_the_new_cluster_once() -> None:
    talk = whole(bundle(1))
    talk.wanted = bundle(1, host="10.0.0.2")
    assert talk.hear() == [(names.ENDPOINTS, [N1], [])]
    talk.wanted = bundle(1, host="10.0.0.2", timeouts=SHORT)
    assert talk.hear() == [(names.CLUSTER, [N1], [])]
    assert talk.nack(names.ENDPOINTS, "no, said the old cluster") == [
        (names.ENDPOINTS, [N1], []),
        (names.LISTENER, ["egress"], []),
    ]
    assert not talk.stream.ledgers[names.ENDPOINTS].refused
    assert talk.nack(names.ENDPOINTS, "no, said the new cluster") == []
    assert [each.reason for each in talk.stream.ledgers[names.ENDPOINTS].refused.values()] == [
        "no, said the new cluster"
    ]
    talk.ack(names.CLUSTER)
    assert talk.stream.lacking(talk.wanted)[names.ENDPOINTS] == [N1]


def test_a_cluster_that_changed_while_its_proxy_heard_of_no_endpoints_is_answered_again() -> None:
    talk = whole(bundle(1))
    talk.wanted = bundle()
    assert talk.say(names.ENDPOINTS, N1) == [(names.ENDPOINTS, [], [N1])]
    talk.wanted = bundle(1, timeouts=SHORT)
    assert talk.hear() == [(names.CLUSTER, [N1], [])]
    talk.wanted = bundle()
    assert talk.hear() == []
    assert talk.ack(names.ENDPOINTS) == [(names.ENDPOINTS, [], [N1])]
    assert talk.ack(names.ENDPOINTS) == []
    assert talk.ack(names.CLUSTER) == [(names.LISTENER, [], ["egress"])]
    assert talk.ack(names.LISTENER) == [(names.CLUSTER, [], [N1])]


def test_an_old_refusal_lets_no_listener_go_before_the_endpoints_of_a_cluster_under_way() -> None:
    refused = bundle(1, timeouts=SHORT)
    talk = Dialogue(refused)
    talk.say(names.CLUSTER)
    talk.nack(names.CLUSTER, "no")
    talk.wanted = bundle(1)
    assert talk.hear() == [(names.CLUSTER, [N1], [])]
    talk.wanted = refused
    assert talk.say(names.LISTENER) == []
    assert talk.say(names.ENDPOINTS, N1) == [(names.ENDPOINTS, [N1], [])]
    assert talk.ack(names.ENDPOINTS) == []
    # Held in the good version now, which the listener may lead to while the other one is refused again.
    assert talk.ack(names.CLUSTER) == [
        (names.CLUSTER, [N1], []),
        (names.ENDPOINTS, [N1], []),
        (names.LISTENER, ["egress"], []),
    ]


def test_endpoints_that_changed_clusters_lost_are_sent_again_though_their_successors_were_refused_in_a_batch() -> None:
    talk = Dialogue(bundle(1, 2))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1, N2)
    talk.ack(names.ENDPOINTS)
    talk.ack(names.CLUSTER)
    talk.wanted = bundle(1, 2, host="10.0.0.2", timeouts=SHORT)
    assert talk.hear() == [(names.CLUSTER, [N1, N2], []), (names.ENDPOINTS, [N1, N2], [])]
    assert talk.nack(names.ENDPOINTS, "one of them") == [(names.ENDPOINTS, [N1], [])]
    assert talk.nack(names.ENDPOINTS, "this one") == [(names.ENDPOINTS, [N2], [])]
    assert talk.nack(names.ENDPOINTS, "and this one") == []
    talk.wanted = bundle(1, 2, timeouts=SHORT)
    assert talk.hear() == [(names.ENDPOINTS, [N1, N2], [])]


def test_of_a_batch_that_was_refused_an_address_is_held_until_its_cluster_is_gone() -> None:
    talk = Dialogue(bundle(1, 2))
    talk.say(names.CLUSTER)
    talk.say(names.ENDPOINTS, N1, N2)
    talk.wanted = bundle()
    # The proxy may have taken one of both; neither goes from its cluster because it is said not to exist.
    assert talk.nack(names.ENDPOINTS, "one of them") == [(names.ENDPOINTS, [], [N1, N2])]
    assert talk.ack(names.ENDPOINTS) == []
    assert talk.stream.may_hold("10.0.0.1", talk.wanted)
    assert talk.ack(names.CLUSTER) == [(names.CLUSTER, [], [N1, N2])]
    talk.say(names.ENDPOINTS, resource_names_unsubscribe=[N1, N2])
    talk.ack(names.CLUSTER)
    assert not talk.stream.may_hold("10.0.0.1", talk.wanted)
