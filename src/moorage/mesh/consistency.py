"""Whether the resources of a bundle fit together: what one names is there, nothing is there in vain, nothing clashes.

Each finding is a sentence for people. Who refuses an inconsistent bundle is the hub.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from moorage.mesh import names
from moorage.mesh.resource import Resource

Tables = Mapping[str, Mapping[str, Resource]]
"""Resources by type and name."""

_STATIC = frozenset({names.LOCAL_CLUSTER})
"""Endpoints that a cluster of the bootstrap asks for."""


def problems(tables: Tables, doubled: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Every reason why a proxy could not take the resources as a whole. `doubled`: (type, name) made twice."""
    for type_url, name in doubled:
        yield f"{_short(type_url)} {name} is there twice"
    named = {relation: _named(tables, relation) for relation in ("clusters", "endpoints", "routes")}
    yield from _dangling(tables[names.CLUSTER], names.CLUSTER, named["clusters"])
    yield from _dangling(tables[names.ENDPOINTS], names.ENDPOINTS, named["endpoints"])
    yield from _dangling(tables[names.ROUTE], names.ROUTE, named["routes"])
    # Envoy would never ask for what nothing names, so it could never be acknowledged.
    for type_url, relation in ((names.ENDPOINTS, "endpoints"), (names.ROUTE, "routes")):
        for name in tables[type_url]:
            if name not in named[relation] and name not in _STATIC:
                yield f"{_short(type_url)} {name} is named by nothing"
    yield from _clashes(tables[names.LISTENER])


def _named(tables: Tables, relation: str) -> dict[str, str]:
    """Each name that resources refer to by `relation`, with one resource that does."""
    found: dict[str, str] = {}
    for items in tables.values():
        for item in items.values():
            for target in sorted(getattr(item.references, relation)):
                found.setdefault(target, f"{_short(item.type_url)} {item.name}")
    return found


def _dangling(known: Mapping[str, Resource], type_url: str, named: Mapping[str, str]) -> Iterator[str]:
    for target, by in named.items():
        if target not in known:
            yield f"{by} names {_short(type_url)} {target}, which is not there"


def _clashes(listeners: Mapping[str, Resource]) -> Iterator[str]:
    ports: dict[int, str] = {}
    for listener in listeners.values():
        for port in listener.references.ports:
            if port in ports:
                yield f"Listener {listener.name} binds port {port}, as does {ports[port]}"
            ports.setdefault(port, listener.name)
        claimed = Counter(listener.references.matches)
        for ip, port in sorted(match for match, times in claimed.items() if times > 1):
            yield f"Listener {listener.name} takes {ip}:{port} twice"


def _short(type_url: str) -> str:
    return type_url.rpartition(".")[2]
