"""A stream that takes no short cut says the same, whatever a proxy asks, takes and refuses in between."""

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.mesh import names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.view import Endpoint, Protocol, Timeouts, Upstream, View
from moorage.xds.stream import DeltaStream, Response

Request, Sent = discovery_pb2.DeltaDiscoveryRequest, discovery_pb2.DeltaDiscoveryResponse
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
ALIASES = ("n1", "n2", "n3")


class LongWay(DeltaStream):
    """Walks through every step for every type, takes every request apart, and remembers no bundle as held."""

    def receive(self, request: discovery_pb2.DeltaDiscoveryRequest) -> bool:
        answered = super().receive(request)
        self.settled = None
        return answered

    def responses(self, bundle: Bundle) -> list[Response]:
        self.settled = None
        return super().responses(bundle)

    def may_hold(self, address: str, bundle: Bundle | None) -> bool:
        self.settled = None
        return super().may_hold(address, bundle)

    def _concerned(self) -> tuple[str, ...]:
        return names.TYPES


class Both:
    """One conversation, held with a stream and with another that takes the long way."""

    def __init__(self) -> None:
        self.short, self.long = DeltaStream(), LongWay()
        self.view = View("task", "set", "us-east-1", "a", 15001, (), ())
        self.bundle = bundle_of(self.view)
        self.unanswered: list[Response] = []
        self.said = 0

    def want(self, view: View) -> None:
        self.view, self.bundle = view, bundle_of(view, last=(self.view, self.bundle))

    def send(self) -> None:
        responses = self.long.responses(self.bundle)
        sent = [Sent.FromString(message) for message in self.short.messages(self.bundle)]
        assert sent == [Sent.FromString(response.serialized()) for response in responses]
        self.unanswered += responses
        self.said += len(responses)

    def hear(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        raw = request.SerializeToString()
        answered = self.short.acknowledged(raw) or self.short.receive(Request.FromString(raw))
        assert answered == self.long.receive(request)

    def answer(self, which: int, refusal: str) -> None:
        if self.unanswered:
            response = self.unanswered.pop(which % len(self.unanswered))
            request = Request(type_url=response.type_url, response_nonce=response.nonce)
            if refusal:
                request.error_detail.message = refusal
            self.hear(request)

    def settle(self) -> None:
        """Let all arrive and be taken."""
        self.send()
        while self.unanswered:
            self.answer(0, "")
            self.send()

    def agree(self) -> None:
        assert self.short.awaits_answer == self.long.awaits_answer
        assert self.short.was_refused == self.long.was_refused
        assert self.short.idle(self.bundle) == self.long.idle(self.bundle)
        assert self.short.in_place(self.bundle) == self.long.in_place(self.bundle)
        for address in ADDRESSES:
            assert self.short.may_hold(address, self.bundle) == self.long.may_hold(address, self.bundle)

    def compare_books(self) -> None:
        """What one stream writes down later than the other is the same when somebody reads it."""
        for type_url, short in self.short.ledgers.items():
            long = self.long.ledgers[type_url]
            assert (short.named, short.entries, short.refused) == (long.named, long.entries, long.refused)
            assert (short.owed, short.suspects, short.absent) == (long.owed, long.suspects, long.absent)
            assert (short.sent, short.greeted, short.wildcard) == (long.sent, long.greeted, long.wildcard)


@st.composite
def upstreams(draw: st.DrawFn) -> tuple[Upstream, ...]:
    def one(alias: str) -> Upstream:
        hosts = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
        timeouts = draw(st.sampled_from((Timeouts(300, 15), Timeouts(300, 15), Timeouts(60, 5))))
        behind = tuple(Endpoint(f"task-{host}", host, 80) for host in hosts)
        return Upstream("ns", alias, alias, 80, f"127.255.0.{alias[1]}", Protocol.HTTP, timeouts, behind)

    return tuple(one(alias) for alias in draw(st.lists(st.sampled_from(ALIASES), unique=True).map(sorted)))


def moved(upstream: Upstream, hosts: list[str]) -> Upstream:
    """The same name with other tasks behind it: what happens most."""
    of = vars(upstream) | {"endpoints": tuple(Endpoint(f"task-{host}", host, 80) for host in hosts)}
    return Upstream(**of)


def act(both: Both, data: st.DataObject) -> None:
    draw = data.draw
    match draw(st.sampled_from(("move", "move", "move", "send", "send", "answer", "refuse", "change", *RARELY))):
        case "move" if both.view.upstreams:
            which = draw(st.integers(0, len(both.view.upstreams) - 1))
            hosts = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
            others = list(both.view.upstreams)
            others[which] = moved(others[which], hosts)
            both.want(View("task", "set", "us-east-1", "a", 15001, tuple(others), ()))
        case "change":
            both.want(View("task", "set", "us-east-1", "a", 15001, draw(upstreams()), ()))
        case "answer":
            both.answer(draw(st.integers(0, 3)), "")
        case "refuse":
            both.answer(draw(st.integers(0, 3)), "no")
        case "ask":
            both.hear(Request(type_url=draw(CHILDREN), resource_names_subscribe=[f"egress/{draw(NAMES)}:80"]))
        case "drop":
            both.hear(Request(type_url=draw(CHILDREN), resource_names_unsubscribe=[f"egress/{draw(NAMES)}:80"]))
        case "stale":
            both.hear(Request(type_url=draw(st.sampled_from(names.TYPES)), response_nonce=str(both.said)))
        case "send":
            both.send()


RARELY = ("ask", "drop", "stale")
CHILDREN = st.sampled_from((names.ENDPOINTS, names.ROUTE))
NAMES = st.sampled_from(ALIASES)


@settings(max_examples=150, deadline=None)
@given(first=upstreams(), data=st.data())
def test_a_short_cut_changes_nothing_that_is_said_or_believed(first: tuple[Upstream, ...], data: st.DataObject) -> None:
    both = Both()
    both.want(View("task", "set", "us-east-1", "a", 15001, first, ()))
    for type_url in (names.CLUSTER, names.LISTENER):
        both.hear(Request(type_url=type_url))
    for type_url in (names.ENDPOINTS, names.ROUTE):
        both.hear(Request(type_url=type_url, resource_names_subscribe=[f"egress/{alias}:80" for alias in ALIASES]))
    for _ in range(data.draw(st.integers(1, 12))):
        if data.draw(st.booleans()):
            both.settle()
        for _ in range(data.draw(st.integers(1, 4))):
            act(both, data)
        both.agree()
        if data.draw(st.integers(0, 3)) == 0:
            both.compare_books()
    both.compare_books()


def test_a_change_of_endpoints_alone_takes_the_short_cut_and_is_acknowledged_in_bytes() -> None:
    """Guards the comparison above: were the short cut never taken, it would compare nothing."""
    both = Both()
    upstream = Upstream("ns", "n1", "n1", 80, "127.255.0.1", Protocol.HTTP, Timeouts(300, 15), ())
    both.want(View("task", "set", "us-east-1", "a", 15001, (upstream,), ()))
    for type_url in (names.CLUSTER, names.LISTENER):
        both.hear(Request(type_url=type_url))
    for type_url in (names.ENDPOINTS, names.ROUTE):
        both.hear(Request(type_url=type_url, resource_names_subscribe=["egress/n1:80"]))
    both.settle()
    both.agree()
    assert both.short.in_place(both.bundle)
    both.want(View("task", "set", "us-east-1", "a", 15001, (moved(upstream, ["10.0.0.1"]),), ()))
    books = both.short._endpoints  # not by `ledgers`, which would bring them up to date
    before = dict(books.entries)
    both.send()
    (response,) = both.unanswered
    both.long.receive(Request(type_url=response.type_url, response_nonce=response.nonce))
    plain = Request(type_url=response.type_url, response_nonce=response.nonce).SerializeToString()
    assert both.short.acknowledged(plain)
    assert (books.sent, books.entries) == (None, before), "they are written when somebody reads them"
    assert not both.short.acknowledged(plain)
    both.agree()
    both.compare_books()


def test_an_acknowledgement_of_what_was_refused_before_is_none() -> None:
    both = Both()
    both.want(View("task", "set", "us-east-1", "a", 15001, (), ()))
    both.hear(Request(type_url=names.CLUSTER))
    both.send()
    both.answer(0, "no")
    assert not both.short.acknowledged(Request(type_url=names.CLUSTER, response_nonce="1").SerializeToString())
