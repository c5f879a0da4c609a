"""Whatever a proxy does, and however its stream breaks, it ends holding its bundle, and nothing came too early."""

from collections import deque
from collections.abc import Callable

from envoy.service.discovery.v3 import discovery_pb2
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from moorage.mesh import endpoints, names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.resource import Resource
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View
from moorage.xds.proxy import Proxy
from moorage.xds.stream import Response

TIMEOUTS = (Timeouts(300, 15), Timeouts(60, 5))
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


@st.composite
def upstreams(draw: st.DrawFn) -> Upstream:
    number = draw(st.integers(1, 4))
    chosen = draw(st.lists(st.sampled_from(ADDRESSES), unique=True))
    protocol = draw(st.sampled_from((Protocol.HTTP, Protocol.TCP)))
    endpoints = tuple(Endpoint(f"task-{address}", address, 80) for address in chosen)
    timeouts = draw(st.sampled_from(TIMEOUTS))
    return Upstream("ns", f"n{number}", f"n{number}", 80, f"127.255.0.{number}", protocol, timeouts, endpoints)


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    known = draw(st.lists(upstreams(), unique_by=lambda each: each.alias, max_size=4))
    ports = draw(st.lists(st.integers(1, 2), unique=True))
    ingress = tuple(Ingress(f"p{port}", 15010 + port, 8000 + port, Protocol.HTTP, TIMEOUTS[0]) for port in ports)
    return bundle_of(View("task", "set", "us-east-1", "a", 15001, tuple(known), ingress))


Request = discovery_pb2.DeltaDiscoveryRequest


class ModelProxy:
    """A proxy as the protocol allows one to be: applies, refuses, warms, forgets and asks as Envoy may.

    `look_up` finds the resource of a type, name and version; `refuses` says which of them it does not take."""

    def __init__(
        self,
        look_up: Callable[[str, str, str], Resource],
        refuses: Callable[[Resource], bool],
        refused_before: Callable[[str, str], bool],
    ) -> None:
        self._look_up = look_up
        self._refuses = refuses
        self.refused_before = refused_before
        self.held: dict[str, dict[str, Resource]] = {type_url: {} for type_url in names.TYPES}
        self.warming: set[str] = set()
        self.disconnect()

    def disconnect(self) -> None:
        """The stream is gone, with everything that was under way on it."""
        self.inbox: deque[Response] = deque()
        self.outbox: deque[Request] = deque()
        self.paused: list[Request] = []
        self._asked: dict[str, set[str]] = {names.ENDPOINTS: set(), names.ROUTE: set()}

    def connect(self) -> None:
        for type_url in (names.CLUSTER, names.LISTENER):
            self.outbox.append(Request(type_url=type_url, initial_resource_versions=self._versions(type_url)))
        self._ask(names.ENDPOINTS, brought=True)
        self._ask(names.ROUTE, brought=True)

    def take(self, asks_again: bool, takes_the_good_of_a_bad_batch: bool) -> None:
        """Apply the next response and prepare its answer."""
        response = self.inbox.popleft()
        arrived = [self._look_up(response.type_url, each.name, each.version) for each in response.resources]
        bad = [each for each in arrived if self._refuses(each)]
        applied = [each for each in arrived if each not in bad] if takes_the_good_of_a_bad_batch or not bad else []
        self._check(response, applied)
        for each in applied:
            self._apply(each, asks_again)
        if response.type_url == names.ENDPOINTS:
            # Endpoints that were refused, or do not exist, leave the cluster without any: that is warm, too.
            self.warming -= {each.name for each in arrived} | set(response.removed_resources)
        for name in response.removed_resources:
            self._drop(response.type_url, name)
        answer = Request(type_url=response.type_url, response_nonce=response.nonce)
        if bad:
            answer.error_detail.message = f"no: {bad[0].name}"
        if response.type_url == names.CLUSTER:
            self.paused.append(answer)
        else:
            self.outbox.append(answer)
        self._ask(names.ENDPOINTS)
        self._ask(names.ROUTE)
        if not self.warming:
            # Envoy acknowledges clusters when all are warm.
            self.outbox.extend(self.paused)
            self.paused = []

    def addresses(self) -> set[str]:
        return {host for each in self.held[names.ENDPOINTS].values() for host in each.references.addresses}

    def _check(self, response: Response, applied: list[Resource]) -> None:
        for each in applied:
            for cluster in each.references.clusters:
                assert cluster in self.held[names.CLUSTER] or self.refused_before(names.CLUSTER, cluster), (
                    f"{each} came before {cluster}"
                )
                assert cluster not in self.warming, f"{each} came before the endpoints of {cluster}"
        if response.type_url == names.CLUSTER:
            doors = [*self.held[names.LISTENER].values(), *self.held[names.ROUTE].values()]
            # A door that refused its newer version stays open on the old one, whatever happens behind it.
            sound = [door for door in doors if not self.refused_before(door.type_url, door.name)]
            named = {cluster for door in sound for cluster in door.references.clusters}
            assert not named & set(response.removed_resources), "a cluster went before what leads to it"

    def _apply(self, item: Resource, asks_again: bool) -> None:
        if self.held[item.type_url].get(item.name) == item and item.type_url != names.ENDPOINTS:
            return  # Envoy compares, and leaves alone what is the same.
        self.held[item.type_url][item.name] = item
        if item.type_url == names.CLUSTER and item.references.endpoints:
            self.held[names.ENDPOINTS].pop(item.name, None)
            self.warming.add(item.name)
            if asks_again and item.name in self._asked[names.ENDPOINTS]:
                self.outbox.append(Request(type_url=names.ENDPOINTS, resource_names_subscribe=[item.name]))

    def _drop(self, type_url: str, name: str) -> None:
        # Envoy keeps the endpoints of a living cluster whatever it hears.
        if type_url != names.ENDPOINTS:
            self.held[type_url].pop(name, None)
        if type_url == names.CLUSTER:
            self.held[names.ENDPOINTS].pop(name, None)
            self.warming.discard(name)

    def _wanted(self, type_url: str) -> set[str]:
        parents, relation = {
            names.ENDPOINTS: (names.CLUSTER, "endpoints"),
            names.ROUTE: (names.LISTENER, "routes"),
        }[type_url]
        return {name for each in self.held[parents].values() for name in getattr(each.references, relation)}

    def _ask(self, type_url: str, brought: bool = False) -> None:
        wanted, asked = self._wanted(type_url), self._asked[type_url]
        for name in set(self.held[type_url]) - wanted:
            del self.held[type_url][name]
        if wanted == asked:
            return
        request = Request(
            type_url=type_url,
            resource_names_subscribe=sorted(wanted - asked),
            resource_names_unsubscribe=sorted(asked - wanted),
        )
        if brought:
            request.initial_resource_versions.update(self._versions(type_url))
        self._asked[type_url] = wanted
        self.outbox.append(request)

    def _versions(self, type_url: str) -> dict[str, str]:
        return {name: each.version for name, each in self.held[type_url].items()}


class Conversation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.known: dict[tuple[str, str, str], Resource] = {}
        self.bad: set[tuple[str, str, str]] = set()
        self.proxy = Proxy("task", inherited=False)
        self.connected = False
        self.model = self.new_model()

    def new_model(self) -> ModelProxy:
        return ModelProxy(lambda *key: self.known[key], self.refuses, self.was_bad)

    def refuses(self, item: Resource) -> bool:
        return (item.type_url, item.name, item.version) in self.bad

    def was_bad(self, type_url: str, name: str) -> bool:
        return any(key[:2] == (type_url, name) for key in self.bad)

    @rule(bundle=bundles(), data=st.data())
    def publish(self, bundle: Bundle, data: st.DataObject) -> None:
        for type_url in names.TYPES:
            for name, item in bundle.of(type_url).items():
                key = (type_url, name, item.version)
                if key not in self.known and data.draw(st.integers(0, 9)) == 0:
                    self.bad.add(key)
                self.known[key] = item
        self.proxy.publish(bundle)

    @precondition(lambda self: self.proxy.bundle is not None and self.proxy.bundle.of(names.ENDPOINTS))
    @rule(chosen=st.lists(st.sampled_from(ADDRESSES), unique=True), data=st.data())
    def endpoints_change(self, chosen: list[str], data: st.DataObject) -> None:
        assert self.proxy.bundle is not None
        number = int(data.draw(st.sampled_from(sorted(self.proxy.bundle.of(names.ENDPOINTS))))[len("egress/n")])
        behind = tuple(Endpoint(f"task-{address}", address, 80) for address in chosen)
        upstream = Upstream("ns", f"n{number}", f"n{number}", 80, "127.255.0.1", Protocol.TCP, TIMEOUTS[0], behind)
        item = endpoints.of_upstream(upstream, "us-east-1", zonal=False)
        self.known[(item.type_url, item.name, item.version)] = item
        self.proxy.publish(self.proxy.bundle.revised([item]))

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.proxy.connect()
        self.model.connect()
        self.connected = True

    @precondition(lambda self: self.connected)
    @rule()
    def lose_the_stream(self) -> None:
        self.proxy.disconnect(self.proxy.stream)
        self.model.disconnect()
        self.connected = False

    @rule()
    def restart_the_daemon(self) -> None:
        bundle = self.proxy.bundle
        self.proxy = Proxy("task", inherited=True, bundle=bundle)
        self.model.disconnect()
        self.connected = False

    @rule()
    def restart_the_proxy(self) -> None:
        self.model = self.new_model()
        self.connected = False

    @precondition(lambda self: self.connected and self.model.outbox)
    @rule()
    def request_arrives(self) -> None:
        self.proxy.stream.receive(self.model.outbox.popleft())

    @precondition(lambda self: self.connected and self.proxy.bundle is not None)
    @rule()
    def daemon_sends(self) -> None:
        assert self.proxy.bundle is not None
        self.model.inbox.extend(self.proxy.stream.responses(self.proxy.bundle))

    @precondition(lambda self: self.connected and self.model.inbox)
    @rule(asks_again=st.booleans(), takes_some=st.booleans())
    def response_arrives(self, asks_again: bool, takes_some: bool) -> None:
        self.model.take(asks_again, takes_some)

    @rule()
    def settle(self) -> None:
        """Let everything arrive; then the proxy holds its bundle, but for what it refused."""
        if self.proxy.bundle is None:
            return
        if not self.connected:
            self.connect()
        self.run_dry()
        self.holds_its_bundle(self.proxy.bundle)

    def run_dry(self) -> None:
        for _ in range(500):
            self.daemon_sends()
            if not self.model.inbox and not self.model.outbox:
                return
            while self.model.inbox:
                self.model.take(asks_again=False, takes_the_good_of_a_bad_batch=True)
            while self.model.outbox:
                self.request_arrives()
        raise AssertionError("the conversation does not end")

    def holds_its_bundle(self, bundle: Bundle) -> None:
        assert not self.model.warming and not self.model.paused
        refused = False
        for type_url in (names.CLUSTER, names.LISTENER, names.ENDPOINTS, names.ROUTE):
            held, wanted = self.model.held[type_url], bundle.of(type_url)
            bad = {name for name, item in wanted.items() if self.refuses(item)}
            refused = refused or bool(bad)
            lacking = {name for name, item in wanted.items() if held.get(name) != item} - bad
            children = type_url in (names.ENDPOINTS, names.ROUTE)
            assert not lacking or (children and refused), (type_url, lacking)
            assert children or held.keys() <= wanted.keys(), (type_url, held.keys() - wanted.keys())
        if not refused:
            assert self.proxy.in_place()
            held = self.model.addresses()
            assert {address for address in ADDRESSES if self.proxy.may_hold(address)} == held.intersection(ADDRESSES)

    @invariant()
    def the_agendas_miss_nothing(self) -> None:
        """What is looked at again is what a look at everything would find."""
        stream, bundle = self.proxy.stream, self.proxy.bundle
        if bundle is None:
            return
        assert stream.in_place(bundle) == (not any(stream.lacking(bundle).values()))
        for type_url, ledger in stream.ledgers.items():
            wanted = bundle.of(type_url)
            every = wanted.keys() | ledger.entries.keys() | ledger.named
            assert ledger.agenda == {name for name in every if not ledger.settled(name, wanted.get(name))}

    @invariant()
    def no_held_address_is_called_gone(self) -> None:
        for address in self.model.addresses():
            assert self.proxy.may_hold(address)

    def teardown(self) -> None:
        self.settle()


TestConversation = Conversation.TestCase
# Without shrinking, which takes minutes here: what was found is printed whole.
TestConversation.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
