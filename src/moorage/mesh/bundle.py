"""A Bundle: every resource that one proxy shall hold, by type and name, each versioned by its content.

It can say whether it fits together (`consistent`) and how it differs from another (`diff`). In which order the
difference goes out, and what the proxy answers, is `xds`'s to know.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType

from envoy.service.discovery.v3 import discovery_pb2

from moorage.mesh import names
from moorage.mesh.consistency import problems
from moorage.mesh.resource import Resource


@dataclass(frozen=True)
class Diff:
    """How one bundle becomes another: what is new or different, and the (type, name) of what is no more."""

    changed: tuple[Resource, ...]
    removed: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


@dataclass(frozen=True)
class Revision:
    """How a bundle was made from another: the version `of` that one, and the names whose endpoints are different."""

    of: str
    endpoints: frozenset[str]


@dataclass(frozen=True, eq=False)
class Move:
    """The way from one bundle to another where endpoints are all that is different: the different ones, in order.

    Each is itself only: there is one for all streams that go the same way.
    """

    items: Mapping[str, Resource]
    to_version: str

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.items)

    @cached_property
    def wire(self) -> bytes:
        """The response that says it, but for its nonce; made once for all streams (`Resource.wire`)."""
        return b"".join([_head(self.to_version), *[item.wire for item in self.items.values()]])


@dataclass(frozen=True)
class Bundle:
    """All resources of one proxy. `problems`: why it does not fit together; `revision`: what it was made from, if any.

    Bundles of equal version hold the same resources.
    """

    by_type: Mapping[str, MappingProxyType[str, Resource]] = field(compare=False)
    version: str
    problems: tuple[str, ...] = ()
    revision: Revision | None = field(compare=False, default=None)

    def of(self, type_url: str) -> Mapping[str, Resource]:
        """The resources of a type by name; empty for a type that it has none of."""
        return self.by_type.get(type_url, _NONE)

    def diff(self, older: "Bundle") -> Diff:
        """What turns `older` into this bundle, in the order of types and then names."""
        changed: list[Resource] = []
        removed: list[tuple[str, str]] = []
        for type_url in names.TYPES:
            ours, theirs = self.of(type_url), older.of(type_url)
            changed += [item for name, item in ours.items() if theirs.get(name) != item]
            removed += [(type_url, name) for name in theirs if name not in ours]
        return Diff(tuple(changed), tuple(removed))

    def revised(self, endpoints: Iterable[Resource]) -> "Bundle":
        """This bundle with other endpoints behind names that it has; the cost is that of the names that changed.

        Endpoints name nothing, so it fits together as this one does. LookupError for a name that is not there.
        """
        older = self.by_type[names.ENDPOINTS]
        changed: dict[str, Resource] = {}
        weight = int(self.version, 16)
        for item in endpoints:
            known = changed.get(item.name) or older.get(item.name)
            if known is None:
                raise LookupError(f"{item.name} has no endpoints in this bundle")
            if item != known:
                changed[item.name] = item
                weight += item.weight - known.weight
        if not changed:
            return self
        table = older.copy()  # as fast as a dict's own: dict(...) asks for each key
        table.update(changed)
        tables = MappingProxyType({**self.by_type, names.ENDPOINTS: MappingProxyType(table)})
        revision = Revision(self.version, frozenset(changed))
        return Bundle(tables, _version(weight), self.problems, revision)

    def since(self, older: "Bundle") -> Mapping[str, AbstractSet[str]]:
        """At least the names that are new, gone or different since `older`, by type; a type without any is left out."""
        known = self._since.get(older.version)
        if known is None:
            differing = {type_url: self.differing(older, type_url) for type_url in names.TYPES}
            known = self._since[older.version] = {each: changed for each, changed in differing.items() if changed}
        return known

    def differing(self, older: "Bundle", type_url: str) -> AbstractSet[str]:
        """At least the names of a type that are new, gone or different since `older`."""
        ours, theirs = self.of(type_url), older.of(type_url)
        if ours is theirs:
            return frozenset()
        if self.revision is not None and self.revision.of == older.version:
            return self.revision.endpoints if type_url == names.ENDPOINTS else frozenset()
        changed = {name for name, item in ours.items() if theirs.get(name) is not item}
        return changed | (theirs.keys() - ours.keys())

    def move(self, older: "Bundle") -> Move | None:
        """The way here from `older`; None where more than endpoints is different, or their names, or nothing at all."""
        version = older.version
        if version not in self._moves:
            self._moves[version] = self._move(older)
        return self._moves[version]

    def _move(self, older: "Bundle") -> Move | None:
        ours = self.of(names.ENDPOINTS)
        if self.revision is not None and self.revision.of == older.version:
            return Move({name: ours[name] for name in sorted(self.revision.endpoints)}, self.version)
        since, theirs = self.since(older), older.of(names.ENDPOINTS)
        if since.keys() != {names.ENDPOINTS} or ours.keys() != theirs.keys():
            return None
        items = {name: ours[name] for name in sorted(since[names.ENDPOINTS]) if ours[name] != theirs[name]}
        return Move(items, self.version) if items else None

    def sends_to(self, address: str) -> bool:
        """True when any of its endpoints is at `address`."""
        known = self._answers.get(address)
        if known is None:
            items = self.of(names.ENDPOINTS).values()
            known = self._answers[address] = any(address in item.references.addresses for item in items)
        return known

    @cached_property
    def _answers(self) -> dict[str, bool]:
        """Many proxies that share a bundle are asked about the same few addresses."""
        return {}

    @cached_property
    def _since(self) -> dict[str, Mapping[str, AbstractSet[str]]]:
        """Proxies that share a bundle held the same few before it, whose versions say what was in them."""
        return {}

    @cached_property
    def _moves(self) -> dict[str, Move | None]:
        return {}

    def consistent(self) -> list[str]:
        """Every reason why a proxy could not take this bundle as a whole; empty when there is none."""
        return list(self.problems)


def bundle(resources: Iterable[Resource]) -> Bundle:
    """Collect resources, in any order, into a bundle."""
    tables: dict[str, dict[str, Resource]] = {type_url: {} for type_url in names.TYPES}
    doubled: list[tuple[str, str]] = []
    weight = 0
    for item in sorted(resources, key=lambda item: (item.type_url, item.name, item.version)):
        table = tables[item.type_url]
        if item.name in table:
            doubled.append((item.type_url, item.name))
        table[item.name] = item
        weight += item.weight
    frozen = MappingProxyType({type_url: MappingProxyType(table) for type_url, table in tables.items()})
    return Bundle(frozen, _version(weight), tuple(problems(frozen, doubled)))


@lru_cache(maxsize=1024)
def _head(version: str) -> bytes:
    """How a response about endpoints begins: the same for all bundles that hold the same."""
    head = discovery_pb2.DeltaDiscoveryResponse(type_url=names.ENDPOINTS, system_version_info=version)
    start: bytes = head.SerializeToString()
    return start


_NONE: Mapping[str, Resource] = MappingProxyType({})


def _version(weight: int) -> str:
    """A sum does not depend on the order, and is mended where one resource changes without looking at the others."""
    return f"{weight % 2**64:016x}"
