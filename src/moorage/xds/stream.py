"""One delta stream of one proxy, without I/O: requests in, responses out.

`receive` books what the proxy asked, acknowledged or refused; `responses` says what to send now so that it comes to
hold exactly a given bundle. At most one response of a type is unanswered at a time. The order is `ordering`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from envoy.service.discovery.v3 import discovery_pb2

from moorage.mesh import names
from moorage.mesh.bundle import Bundle, Move
from moorage.mesh.resource import Resource
from moorage.xds.ledger import Hosts, Ledger
from moorage.xds.ordering import Kind, Step, steps_of

WILDCARD_TYPES = frozenset({names.CLUSTER, names.LISTENER})
"""For these a first request that names nothing asks for everything; for the others it asks for nothing."""


class UnknownType(Exception):
    """The proxy asked for a type of resource that Moorage does not serve."""

    def __init__(self, type_url: str) -> None:
        super().__init__(f"resources of type {type_url} are not served")
        self.type_url = type_url


@dataclass(frozen=True)
class Possible:
    """Endpoints that a proxy may hold: of which cluster, in which version, at which addresses if that is known."""

    name: str
    version: str
    hosts: Hosts


_NOTHING: AbstractSet[str] = frozenset()
_NO_NEWS: Mapping[str, AbstractSet[str]] = {}

UNKNOWN = Possible("*", "", None)
"""Held by a proxy that outlived the daemon, until it has said what it has."""


class Response(NamedTuple):
    """What is sent: a DeltaDiscoveryResponse whose resources were put into bytes once, for all streams."""

    type_url: str
    nonce: str
    version: str
    resources: tuple[Resource, ...]
    removed_resources: tuple[str, ...]

    def serialized(self) -> bytes:
        """The bytes of the message, put together from its fields: protobuf reads them as one (`Resource.wire`)."""
        parts = [_shared(self.type_url, self.version), _own(self.nonce)]
        if self.removed_resources:
            parts.append(_bytes(removed_resources=self.removed_resources))
        parts += [item.wire for item in self.resources]
        return b"".join(parts)


def _bytes(**fields: object) -> bytes:
    whole: bytes = discovery_pb2.DeltaDiscoveryResponse(**fields).SerializeToString()
    return whole


@lru_cache(maxsize=1024)
def _shared(type_url: str, version: str) -> bytes:
    """What is the same for all proxies that share a bundle."""
    return _bytes(type_url=type_url, system_version_info=version)


@lru_cache(maxsize=1024)
def _own(nonce: str) -> bytes:
    """What is the same for all streams that were sent as many responses."""
    return _bytes(nonce=nonce)


@lru_cache(maxsize=1024)
def _acknowledgement(type_url: str, nonce: str) -> bytes:
    whole: bytes = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce).SerializeToString()
    return whole


@lru_cache(maxsize=4096)
def _departure(move: Move, nonce: int) -> tuple[bytes, bytes]:
    """What is sent to move a proxy, and what comes back if it takes it: one for all streams that count alike."""
    return move.wire + _own(str(nonce)), _acknowledgement(names.ENDPOINTS, str(nonce))


class _Journey(NamedTuple):
    """A move that was sent and has no answer yet. The last response of the stream was the one that carries it."""

    start: Bundle
    end: Bundle
    move: Move
    acknowledgement: bytes


class DeltaStream:
    """The protocol state of one stream. `earlier`: what the proxy may hold from before it, until it has said.

    What thousands hear of at once, a change of nothing but endpoints, is written into the books (`ledgers`) when they
    are next opened: while a proxy does nothing but acknowledge such moves, two bundles say all that is in them.
    `settled` is the bundle that the proxy was found to hold, all of it and nothing else, with nothing heard or sent
    since; None otherwise.
    """

    __slots__ = (
        *("settled", "_awaited", "_earlier", "_endpoints", "_journey", "_ledgers", "_moving", "_nonce", "_read"),
        "_taken",
    )

    def __init__(self, earlier: Sequence[Possible] = ()) -> None:
        self._ledgers = {type_url: Ledger() for type_url in names.TYPES}
        self._earlier = tuple(earlier)
        self._nonce = 0
        self._endpoints = self._ledgers[names.ENDPOINTS]
        self._awaited: dict[bytes, Ledger] = {}
        self._read: Bundle | None = None
        self.settled: Bundle | None = None
        # The bundle that it holds as soon as it acknowledges what was sent last, with nothing heard or sent since.
        self._moving: Bundle | None = None
        # The same, as long as it is not in the books; with what was acknowledged before and is not in them either.
        self._journey: _Journey | None = None
        self._taken: dict[str, Resource] = {}

    def acknowledged(self, request: bytes) -> bool:
        """Book a request that acknowledges the last response of its type and says nothing else; False: it is another.

        That is what proxies say most, and nothing else can be in these bytes: they need not be taken apart.
        """
        journey = self._journey
        if journey is not None and journey.acknowledgement == request:
            self._journey = None
            self.settled = self._read = journey.end
            self._taken.update(journey.move.items)
            return True
        self._book()
        ledger = self._awaited.pop(request, None)
        if ledger is None:
            return False
        ledger.acknowledge()
        self.settled, self._moving = self._moving if ledger is self._endpoints else None, None
        if self.settled is not None:
            self._read = self.settled
            ledger.agenda.clear()
        return True

    def receive(self, request: discovery_pb2.DeltaDiscoveryRequest) -> bool:
        """Book a request; True when it answered a response, so that something may have become true."""
        ledger = self.ledgers.get(request.type_url)
        if ledger is None:
            raise UnknownType(request.type_url)
        self.settled = self._moving = None
        if not ledger.opened:
            self._open(ledger, request)
        answered = ledger.sent is not None and request.response_nonce == ledger.sent.nonce
        if answered:
            self._awaited.pop(_acknowledgement(request.type_url, request.response_nonce), None)
        if answered and request.HasField("error_detail"):
            ledger.refuse(request.error_detail.message)
        elif answered:
            ledger.acknowledge()
        for name in request.resource_names_unsubscribe:
            ledger.unsubscribe(name)
        for name in request.resource_names_subscribe:
            ledger.subscribe(name, brought=name in request.initial_resource_versions)
        return answered

    def messages(self, bundle: Bundle) -> list[bytes]:
        """`responses`, as they go out."""
        journey = self._depart(bundle)
        if journey is not None:
            return [_departure(journey.move, self._nonce)[0]]
        return [response.serialized() for response in self._walk(bundle)]

    def responses(self, bundle: Bundle) -> list[Response]:
        """What to send now, in order; each is booked as sent. Empty when there is nothing to do but wait."""
        journey = self._depart(bundle)
        if journey is not None:
            moved = tuple(journey.move.items.values())
            return [Response(names.ENDPOINTS, str(self._nonce), bundle.version, moved, ())]
        return self._walk(bundle)

    def _walk(self, bundle: Bundle) -> list[Response]:
        """Through all steps in their order, for whatever may be said."""
        if not self._review(bundle):
            return []
        out: list[Response] = []
        quiet = True
        for step in steps_of(self._concerned()):
            ledger = self._ledgers[step.type_url]
            if step.kind is Kind.REMOVE and not quiet:
                break
            if ledger.busy:
                wanted = bundle.of(step.type_url)
                todo = list(ledger.pending(wanted)) if step.kind is Kind.ADD else []
                gone = self._gone(step, ledger, wanted)
                if ledger.sent is None and ledger.opened:
                    chosen = self._allowed(step, ledger, todo, bundle)
                    greeting = step.kind is Kind.ADD and ledger.wildcard and not ledger.greeted and not todo
                    if chosen or gone or greeting:
                        out.append(self._send(step.type_url, tuple(chosen), gone, bundle))
                quiet = quiet and not todo and not gone
            quiet = quiet and ledger.sent is None
        return out

    def may_hold(self, address: str, bundle: Bundle | None) -> bool:
        """True unless it is certain that the proxy has no endpoint at `address` and is not about to get one."""
        if bundle is None:
            return any(each.hosts is None or address in each.hosts for each in self.possible())
        if bundle.sends_to(address):
            return True
        held, journey = self.settled, self._journey
        if self._earlier or (held is None and journey is None):
            return self._may_have_got(address, bundle)
        if held is not None:
            return held is not bundle and held.sends_to(address)
        return journey is not None and (journey.start.sends_to(address) or journey.end.sends_to(address))

    def _may_have_got(self, address: str, bundle: Bundle) -> bool:
        """The same by the books, where `bundle` does not send to the address."""
        self._review(bundle)
        wanted = bundle.of(names.ENDPOINTS)
        # A name that is not on the agenda is held in the wanted version and no other, which was answered above.
        for each in self._earlier + self._possible(self.ledgers[names.ENDPOINTS].agenda):
            hosts = each.hosts
            if hosts is None and each.name in wanted and wanted[each.name].version == each.version:
                hosts = wanted[each.name].references.addresses
            if hosts is None or address in hosts:
                return True
        return False

    def idle(self, bundle: Bundle) -> bool:
        """True when there is nothing to say about the bundle, whatever the proxy answers next."""
        return not self._review(bundle)

    def possible(self) -> tuple[Possible, ...]:
        """Every endpoint resource that the proxy may hold now."""
        return self._earlier + self._possible(self.ledgers[names.ENDPOINTS].entries)

    def in_place(self, bundle: Bundle) -> bool:
        """True when the proxy holds every resource of the bundle in some version."""
        # What is not on the agenda is held.
        return not self._review(bundle) or all(
            ledger.holds(name) or name not in bundle.of(type_url)
            for type_url, ledger in self.ledgers.items()
            for name in ledger.agenda
        )

    def lacking(self, bundle: Bundle) -> dict[str, list[str]]:
        """The resources of the bundle that the proxy holds in no version, by type."""
        found: dict[str, list[str]] = {}
        for type_url, ledger in self.ledgers.items():
            found[type_url] = sorted(name for name in bundle.of(type_url) if not ledger.holds(name))
        return found

    @property
    def awaits_answer(self) -> bool:
        """True when something was said that the proxy has not answered yet."""
        return self._journey is not None or bool(self._awaited)

    @property
    def was_refused(self) -> bool:
        """True when the proxy refused something that it was not sent anew since."""
        # Nothing of a move was refused: a proxy that had would not hold all of the bundle that it started from.
        return any(ledger.refused for ledger in self._ledgers.values())

    @property
    def ledgers(self) -> Mapping[str, Ledger]:
        """The books by type, up to date."""
        self._book()
        return self._ledgers

    def _book(self) -> None:
        """Write into the books what went past them."""
        if self._taken:
            self._endpoints.take(self._taken.values())
            self._taken = {}
        journey, self._journey = self._journey, None
        if journey is not None:
            self._endpoints.send(str(self._nonce), tuple(journey.move.items.values()), ())
            self._awaited[journey.acknowledgement] = self._endpoints
            self._moving = journey.end

    def _open(self, ledger: Ledger, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        held = dict(request.initial_resource_versions)
        nothing_named = not request.resource_names_subscribe
        ledger.open(held, wildcard=nothing_named and request.type_url in WILDCARD_TYPES)
        # From here on the proxy itself has said which endpoints it holds, or that it holds no cluster that has any.
        no_clusters = request.type_url == names.CLUSTER and not any(names.reads_endpoints(name) for name in held)
        if no_clusters or request.type_url == names.ENDPOINTS:
            self._earlier = ()

    def _possible(self, among: Iterable[str]) -> tuple[Possible, ...]:
        entries = self.ledgers[names.ENDPOINTS].entries
        held = ((name, entries[name]) for name in among if name in entries)
        return tuple(Possible(name, *version) for name, entry in held for version in entry.possible.items())

    def _review(self, bundle: Bundle) -> bool:
        """Bring the agendas up to `bundle`; False when the proxy holds all of it and waits for no first answer."""
        if self.settled is bundle and self._read is bundle:
            return False
        older, self._read = self._read, bundle
        since = _NO_NEWS if older is None or older is bundle else bundle.since(older)
        busy = False
        for type_url, ledger in self.ledgers.items():
            if ledger.agenda or ledger.unread or type_url in since:
                ledger.review(bundle.of(type_url), since.get(type_url, _NOTHING))
            busy = busy or ledger.busy
        if not busy:
            self.settled = bundle
        return busy

    def _depart(self, bundle: Bundle) -> _Journey | None:
        """Send the endpoints where that is all: the proxy holds all of another bundle, and only they are different.

        The walk through all steps would find the same; this is the change that thousands hear of at once.
        """
        ledger, held = self._endpoints, self.settled
        if held is None or held is bundle or ledger.sent is not None or not ledger.opened:
            return None
        move = bundle.move(held)
        if move is None or not (ledger.wildcard or move.names <= ledger.named):
            return None
        if self._read is not held:
            # Another bundle was looked at meanwhile. Of the one that is held nothing is open.
            self._read = held
            for each in self._ledgers.values():
                each.agenda.clear()
        self._nonce += 1
        self.settled = self._moving = None
        self._journey = _Journey(held, bundle, move, _departure(move, self._nonce)[1])
        return self._journey

    def _concerned(self) -> tuple[str, ...]:
        """The types that something may be said of, or is unanswered of: nothing waits for any other, nor changes it.

        To send a cluster is news to endpoints (`_owe_endpoints`).
        """
        types = [each for each, ledger in self.ledgers.items() if ledger.busy or ledger.sent is not None]
        if names.CLUSTER in types and names.ENDPOINTS not in types:
            types.append(names.ENDPOINTS)
        return tuple(types)

    def _gone(self, step: Step, ledger: Ledger, wanted: Mapping[str, Resource]) -> tuple[str, ...]:
        if step.kind is Kind.REMOVE:
            return ledger.gone(wanted)
        return ledger.unknown(wanted) if step.kind is Kind.ABSENT else ()

    def _allowed(self, step: Step, ledger: Ledger, todo: list[Resource], bundle: Bundle) -> list[Resource]:
        """Of what is to be sent, what may go now. Suspects go one by one, after all others."""
        free = [item for item in todo if not step.after_clusters or self._clusters_answered(item, bundle)]
        innocent = [item for item in free if item.name not in ledger.suspects]
        return innocent or free[:1]

    def _clusters_answered(self, item: Resource, bundle: Bundle) -> bool:
        """A refused cluster counts as answered: what else the listener or route carries shall not wait for it."""
        clusters, endpoints = self._ledgers[names.CLUSTER], self._ledgers[names.ENDPOINTS]
        for name in item.references.clusters:
            cluster = bundle.of(names.CLUSTER).get(name)
            if cluster is None or not clusters.answered(cluster):
                return False
            if clusters.holds(name) and not all(
                each in bundle.of(names.ENDPOINTS) and endpoints.answered(bundle.of(names.ENDPOINTS)[each])
                for each in cluster.references.endpoints
            ):
                return False
        return True

    def _send(
        self, type_url: str, resources: tuple[Resource, ...], removed: tuple[str, ...], bundle: Bundle
    ) -> Response:
        self._nonce += 1
        self.settled = self._moving = None
        ledger = self._ledgers[type_url]
        if type_url == names.CLUSTER:
            self._owe_endpoints(resources)
        nonce = str(self._nonce)
        self._awaited[_acknowledgement(type_url, nonce)] = ledger
        ledger.send(nonce, resources, removed)
        return Response(type_url, nonce, bundle.version, resources, removed)

    def _owe_endpoints(self, clusters: Sequence[Resource]) -> None:
        """Envoy makes a changed cluster anew, without endpoints, and may not ask for those it had asked for before."""
        ledger = self._ledgers[names.ENDPOINTS]
        for item in clusters:
            ledger.owe(item.references.endpoints)
