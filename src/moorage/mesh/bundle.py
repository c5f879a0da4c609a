"""A Bundle: every resource that one proxy shall hold, by type and name, each versioned by its content.

It can say whether it fits together (`consistent`) and how it differs from another (`diff`). In which order the
difference goes out, and what the proxy answers, is `xds`'s to know.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2, message

from moorage.mesh import names


@dataclass(frozen=True)
class References:
    """What a resource needs or claims.

    `clusters`, `endpoints`, `routes`: names of other resources; `clusters` includes those that its routes lead to.
    `addresses`: hosts it sends traffic to. `ports`: what a listener binds. `matches`: the (address, port) pairs that
    its filter chains take, repeated if claimed twice.
    """

    clusters: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    routes: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    ports: tuple[int, ...] = ()
    matches: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Resource:
    """One xDS resource. Equal content has an equal version, so equality is by type, name and version."""

    type_url: str
    name: str
    version: str
    content: bytes = field(compare=False, repr=False)
    references: References = field(compare=False, repr=False, default=References())

    @cached_property
    def wire(self) -> discovery_pb2.Resource:
        """The message that a response carries; made once and shared by every stream that sends it."""
        body = any_pb2.Any(type_url=self.type_url, value=self.content)
        return discovery_pb2.Resource(name=self.name, version=self.version, resource=body)


def resource(type_url: str, name: str, body: message.Message, references: References = References()) -> Resource:
    """Seal a message: its bytes are fixed and hashed now, and nobody can change it afterwards."""
    content = body.SerializeToString(deterministic=True)
    version = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Resource(type_url, name, version, content, references)


@dataclass(frozen=True)
class Diff:
    """How one bundle becomes another: what is new or different, and the (type, name) of what is no more."""

    changed: tuple[Resource, ...]
    removed: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


@dataclass(frozen=True)
class Bundle:
    """All resources of one proxy. `doubled` holds the (type, name) of any that was made twice: a fault of its maker."""

    by_type: Mapping[str, Mapping[str, Resource]] = field(compare=False)
    version: str
    doubled: tuple[tuple[str, str], ...] = ()

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

    def consistent(self) -> list[str]:
        """Every reason why a proxy could not take this bundle as a whole; empty when there is none."""
        problems = [f"{_short(type_url)} {name} is there twice" for type_url, name in self.doubled]
        problems += self._dangling("clusters", names.CLUSTER)
        problems += self._dangling("endpoints", names.ENDPOINTS)
        problems += self._dangling("routes", names.ROUTE)
        problems += self._unused("endpoints", names.ENDPOINTS)
        problems += self._unused("routes", names.ROUTE)
        return problems + self._clashes()

    def _named(self, relation: str) -> dict[str, str]:
        """Each name that resources refer to by `relation`, with one resource that does."""
        found: dict[str, str] = {}
        for items in self.by_type.values():
            for item in items.values():
                for target in sorted(getattr(item.references, relation)):
                    found.setdefault(target, f"{_short(item.type_url)} {item.name}")
        return found

    def _dangling(self, relation: str, type_url: str) -> list[str]:
        known = self.of(type_url)
        missing = [(by, target) for target, by in self._named(relation).items() if target not in known]
        return [f"{by} names {_short(type_url)} {target}, which is not there" for by, target in missing]

    def _unused(self, relation: str, type_url: str) -> list[str]:
        """Envoy would never ask for it, so it could never be acknowledged."""
        named = self._named(relation).keys()
        return [
            f"{_short(type_url)} {name} is named by nothing"
            for name in self.of(type_url)
            if name not in named | _STATIC
        ]

    def _clashes(self) -> list[str]:
        problems: list[str] = []
        ports: dict[int, str] = {}
        for listener in self.of(names.LISTENER).values():
            for port in listener.references.ports:
                if port in ports:
                    problems.append(f"Listener {listener.name} binds port {port}, as does {ports[port]}")
                ports.setdefault(port, listener.name)
            matches = listener.references.matches
            twice = sorted({match for match in matches if matches.count(match) > 1})
            problems += [f"Listener {listener.name} takes {ip}:{port} twice" for ip, port in twice]
        return problems


def bundle(resources: Iterable[Resource]) -> Bundle:
    """Collect resources, in any order, into a bundle."""
    tables: dict[str, dict[str, Resource]] = {type_url: {} for type_url in names.TYPES}
    doubled: list[tuple[str, str]] = []
    digest = hashlib.blake2b(digest_size=8)
    for item in sorted(resources, key=lambda item: (item.type_url, item.name, item.version)):
        table = tables[item.type_url]
        if item.name in table:
            doubled.append((item.type_url, item.name))
        table[item.name] = item
        digest.update(f"{item.type_url}\n{item.name}\n{item.version}\n".encode())
    frozen = {type_url: MappingProxyType(table) for type_url, table in tables.items()}
    return Bundle(MappingProxyType(frozen), digest.hexdigest(), tuple(doubled))


_STATIC = frozenset({names.LOCAL_CLUSTER})
"""Endpoints that a cluster of the bootstrap asks for."""

_NONE: Mapping[str, Resource] = MappingProxyType({})


def _short(type_url: str) -> str:
    return type_url.rpartition(".")[2]
