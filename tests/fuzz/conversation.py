"""One conversation between a daemon and its proxy, made from a seed: configuration changes, things are refused,
messages cross, streams and processes end. After every step it is looked at whether the books are true; `settle` says
whether the proxy ends with its bundle.

Bundles are made from few values, so that a conversation comes back to what it had, and are made once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from fuzz.proxies import ModelProxy
from moorage.mesh import endpoints, names
from moorage.mesh.bundle import Bundle
from moorage.mesh.configuration import bundle_of
from moorage.mesh.resource import Resource
from moorage.mesh.view import Endpoint, Ingress, Protocol, Timeouts, Upstream, View
from moorage.xds.proxy import Proxy

TIMEOUTS = (Timeouts(300, 15), Timeouts(60, 5))
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
NOTHING = View("task", "set", "us-east-1", "a", 15001, (), ())
made = cache(bundle_of)


@dataclass(frozen=True)
class Temper:
    """How a conversation goes: among how many names, one of how many new versions is refused, in how many steps; and
    how often each thing happens, against ten times that a message arrives."""

    names: int
    one_refused_of: int
    steps: int
    everything_changes: float = 1
    one_name_changes: float = 1
    endpoints_change: float = 1
    everything_goes_back: float = 1
    lose_the_stream: float = 1
    restart_the_daemon: float = 1
    restart_the_proxy: float = 1
    settle: float = 1


CALM = Temper(names=4, one_refused_of=10, steps=60)
HOT = Temper(
    names=2,
    one_refused_of=3,
    steps=80,
    everything_changes=2,
    one_name_changes=8,
    endpoints_change=5,
    everything_goes_back=5,
    lose_the_stream=0.2,
    restart_the_daemon=0.1,
    restart_the_proxy=0.1,
    settle=0.2,
)
"""Few names that change all the time, a third of it refused: where what is under way crosses what is refused."""


class Conversation:
    """What both sides know, and what has happened so far (`story`), for whoever reads of a failure."""

    def __init__(self, temper: Temper, seed: int) -> None:
        self.temper = temper
        self.random = Random(seed)
        self.story: list[str] = []
        self.known: dict[tuple[str, str, str], Resource] = {}
        self.bad: set[tuple[str, str, str]] = set()
        self.view = NOTHING
        self.earlier = [NOTHING]
        self.proxy = Proxy("task", inherited=False)
        self.connected = False
        self.model = self.new_model()

    def run(self) -> None:
        """Hold the conversation to its end. Raises AssertionError, with the story noted, when anything is wrong."""
        try:
            for _ in range(self.temper.steps):
                self.step()
                self.books_are_true()
            self.settle()
        except AssertionError as wrong:
            wrong.add_note("\n".join(self.story))
            raise

    def step(self) -> None:
        rules = self.rules()
        rule = self.random.choices(list(rules), list(rules.values()))[0]
        self.tell(rule.__name__)
        rule()

    def rules(self) -> dict[Callable[[], None], float]:
        """What can happen now, and how probable each is."""
        temper, model, bundle = self.temper, self.model, self.proxy.bundle
        can = {
            self.everything_changes: temper.everything_changes,
            self.everything_goes_back: temper.everything_goes_back,
            self.one_name_changes: temper.one_name_changes if self.view.upstreams else 0,
            self.endpoints_change: temper.endpoints_change if bundle and bundle.of(names.ENDPOINTS) else 0,
            self.restart_the_daemon: temper.restart_the_daemon,
            self.restart_the_proxy: temper.restart_the_proxy,
            self.settle: temper.settle,
            self.connect: 0 if self.connected else 10,
            self.lose_the_stream: temper.lose_the_stream if self.connected else 0,
            self.daemon_sends: 10 if self.connected and bundle else 0,
            self.request_arrives: 10 if self.connected and model.outbox else 0,
            self.response_arrives: 10 if self.connected and model.inbox else 0,
        }
        return {rule: weight for rule, weight in can.items() if weight}

    def tell(self, what: str) -> None:
        self.story.append(what)

    def new_model(self) -> ModelProxy:
        return ModelProxy(lambda *key: self.known[key], self.refuses, self.was_bad)

    def refuses(self, item: Resource) -> bool:
        return (item.type_url, item.name, item.version) in self.bad

    def was_bad(self, type_url: str, name: str) -> bool:
        return any(key[:2] == (type_url, name) for key in self.bad)

    # What is wanted.

    def everything_changes(self) -> None:
        numbers = self.random.sample(range(1, self.temper.names + 1), self.random.randint(0, self.temper.names))
        ports = self.random.sample((1, 2), self.random.randint(0, 2))
        self.publish(
            replace(
                NOTHING,
                upstreams=tuple(self.upstream(number) for number in numbers),
                ingress=tuple(Ingress(f"p{n}", 15010 + n, 8000 + n, Protocol.HTTP, TIMEOUTS[0]) for n in ports),
            )
        )

    def everything_goes_back(self) -> None:
        self.publish(self.random.choice(self.earlier))

    def one_name_changes(self) -> None:
        """It goes, or is another cluster, or has other endpoints; the others stay."""
        old = self.random.choice(self.view.upstreams)
        new = self.upstream(int(old.discovery_name[1:]))
        if self.random.random() < 0.5:
            new = replace(new, endpoints=old.endpoints)
        goes = self.random.random() < 0.2
        others = tuple(each for each in self.view.upstreams if each is not old)
        self.publish(replace(self.view, upstreams=others if goes else (*others, new)))

    def endpoints_change(self) -> None:
        """Of one name, and nothing else is made again."""
        assert self.proxy.bundle is not None
        name = self.random.choice(sorted(self.proxy.bundle.of(names.ENDPOINTS)))
        upstream = self.upstream(int(name[len("egress/n") :].partition(":")[0]))
        item = endpoints.of_upstream(upstream, "us-east-1", zonal=False)
        self.learn(item)
        self.tell(f"  {item.name} {item.version[:6]}")
        self.proxy.publish(self.proxy.bundle.revised([item]))

    def upstream(self, number: int) -> Upstream:
        chosen = sorted(self.random.sample(ADDRESSES, self.random.randint(0, 2)))
        behind = tuple(Endpoint(f"task-{address}", address, 80) for address in chosen)
        protocol = self.random.choice((Protocol.HTTP, Protocol.TCP))
        timeouts = self.random.choice(TIMEOUTS)
        return Upstream("ns", f"n{number}", f"n{number}", 80, f"127.255.0.{number}", protocol, timeouts, behind)

    def publish(self, view: View) -> None:
        self.earlier = [*self.earlier, self.view][-4:]
        self.view = view
        bundle = made(view)
        for type_url in names.TYPES:
            for item in bundle.of(type_url).values():
                self.learn(item)
                self.tell(f"  {item.type_url.rpartition('.')[2]} {item.name} {item.version[:6]}")
        self.proxy.publish(bundle)

    def learn(self, item: Resource) -> None:
        """A version seen for the first time may be one that the proxy does not take."""
        key = (item.type_url, item.name, item.version)
        if key not in self.known and self.random.randrange(self.temper.one_refused_of) == 0:
            self.bad.add(key)
        self.known[key] = item

    # What comes and goes.

    def connect(self) -> None:
        self.proxy.connect()
        self.model.connect()
        self.connected = True

    def lose_the_stream(self) -> None:
        self.proxy.disconnect(self.proxy.stream)
        self.model.disconnect()
        self.connected = False

    def restart_the_daemon(self) -> None:
        self.proxy = Proxy("task", inherited=True, bundle=self.proxy.bundle)
        self.model.disconnect()
        self.connected = False

    def restart_the_proxy(self) -> None:
        self.model = self.new_model()
        self.connected = False

    def request_arrives(self) -> None:
        request = self.model.outbox.popleft()
        self.tell(f"  {str(request)!r}")
        if not self.proxy.stream.acknowledged(request.SerializeToString()):
            self.proxy.stream.receive(request)

    def daemon_sends(self) -> None:
        assert self.proxy.bundle is not None
        responses = self.proxy.stream.responses(self.proxy.bundle)
        for each in responses:
            items = [f"{item.name} {item.version[:6]}" for item in each.resources]
            self.tell(f"  {each.type_url.rpartition('.')[2]} {each.nonce} {items} without {each.removed_resources}")
        self.model.inbox.extend(responses)

    def response_arrives(self) -> None:
        self.tell(f"  {self.model.inbox[0].nonce}")
        self.model.take(asks_again=self.random.random() < 0.5, takes_the_good_of_a_bad_batch=self.random.random() < 0.5)

    # What is true.

    def settle(self) -> None:
        """Let everything arrive; then the proxy holds its bundle, but for what it refused."""
        if self.proxy.bundle is None:
            return
        if not self.connected:
            self.connect()
        for _ in range(500):
            self.daemon_sends()
            if not self.model.inbox and not self.model.outbox:
                break
            while self.model.inbox:
                self.response_arrives()
            while self.model.outbox:
                self.request_arrives()
            self.books_are_true()
        else:
            raise AssertionError("the conversation does not end")
        self.holds_its_bundle(self.proxy.bundle)

    def holds_its_bundle(self, bundle: Bundle) -> None:
        assert not self.model.warming, f"waits for the endpoints of {self.model.warming}"
        assert not self.model.paused
        refused = False
        for type_url in (names.CLUSTER, names.LISTENER, names.ENDPOINTS, names.ROUTE):
            held, wanted = self.model.held[type_url], bundle.of(type_url)
            bad = {name for name, item in wanted.items() if self.refuses(item)}
            refused = refused or bool(bad)
            lacking = {name for name, item in wanted.items() if held.get(name) != item} - bad
            children = type_url in (names.ENDPOINTS, names.ROUTE)
            assert not lacking or (children and refused), f"{type_url}: lacks {lacking}"
            assert children or held.keys() <= wanted.keys(), f"{type_url}: holds {held.keys() - wanted.keys()}"
        if not refused:
            assert self.proxy.in_place()
            held = self.model.addresses()
            assert {address for address in ADDRESSES if self.proxy.may_hold(address)} == held.intersection(ADDRESSES)

    def books_are_true(self) -> None:
        for address in self.model.addresses():
            assert self.proxy.may_hold(address), f"{address} is held, and called gone"
        if self.random.random() < 0.5:
            return  # to look at the books is to bring them up to date: some of it has to pass them by
        for ledger in self.proxy.stream.ledgers.values():
            assert not ledger.owed & ledger.absent
            assert not ledger.refused.keys() & (ledger.owed | ledger.absent)
        if self.proxy.bundle is not None:
            self.agendas_miss_nothing(self.proxy.bundle)

    def agendas_miss_nothing(self, bundle: Bundle) -> None:
        """What is looked at again is what a look at everything would find."""
        stream = self.proxy.stream
        assert stream.in_place(bundle) == (not any(stream.lacking(bundle).values()))
        for type_url, ledger in stream.ledgers.items():
            wanted = bundle.of(type_url)
            every = wanted.keys() | ledger.entries.keys() | ledger.named
            assert ledger.agenda == {name for name in every if not ledger.settled(name, wanted.get(name))}
