"""A proxy as the delta protocol allows one to be, without I/O: what `test_deliveries` holds the stream to.

What Envoy does is from its page on the xDS protocol: clusters warm until their endpoints are answered, and are
acknowledged only then; a changed cluster is made anew, without endpoints.
"""

from collections import deque
from collections.abc import Callable

from envoy.service.discovery.v3 import discovery_pb2

from moorage.mesh import names
from moorage.mesh.resource import Resource
from moorage.xds.stream import Response

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
