"""From a View to its Bundle: the one walk that makes all resources of a proxy.

Everything comes from the same value in the same walk, so clusters, endpoints, routes and listeners agree.
"""

from collections.abc import Collection, Iterator
from dataclasses import fields
from itertools import compress
from operator import attrgetter, is_not

from moorage.mesh import clusters, endpoints, listeners, routes
from moorage.mesh.bundle import Bundle, bundle
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.resource import Resource
from moorage.mesh.view import Protocol, Upstream, View

Made = tuple[View, Bundle]
"""A view and the bundle that was made of it."""


def bundle_of(
    view: View, policies: Policies = DEFAULT, last: Made | None = None, places: Collection[int] | None = None
) -> Bundle:
    """All resources of the view's proxy. Equal views, and views that differ in order only, make equal bundles.

    `last`, made under the same policies, changes nothing but the cost: where only endpoints differ from that view, only
    they are made, and a view that differs in nothing that reaches the proxy has that very bundle. `places`: those of
    the upstreams among which all that differ are, where that is known; it saves looking for them.
    """
    if last is not None and _around(view) == _around(last[0]):
        moved = _differing(view, last[0], places)
        if all(_NAMED(now) == _NAMED(then) for now, then in moved):
            return last[1].revised(_changed_endpoints(view, last[0], moved, policies))
    return bundle(_walk(view, policies))


def _differing(new: View, old: View, places: Collection[int] | None) -> list[tuple[Upstream, Upstream]]:
    """The upstreams that are not the same object as before; looked through without a step of Python for each."""
    if new.upstreams is old.upstreams:
        return []
    if places is not None:
        return [(new.upstreams[place], old.upstreams[place]) for place in sorted(places)]
    return list(compress(zip(new.upstreams, old.upstreams, strict=True), map(is_not, new.upstreams, old.upstreams)))


_NAMED = attrgetter(*(each.name for each in fields(Upstream) if each.name != "endpoints"))
"""All of an upstream but its endpoints."""


def _around(view: View) -> tuple[object, ...]:
    """What resources are made from, beside the upstreams and the siblings; of those, how many there are."""
    return (
        *(view.region, view.zone, view.egress_port, view.apart, view.ingress, view.access_log),
        *(len(view.upstreams), bool(view.siblings)),
    )


def _changed_endpoints(
    new: View, old: View, moved: list[tuple[Upstream, Upstream]], policies: Policies
) -> Iterator[Resource]:
    for now, _ in moved:
        yield endpoints.of_upstream(now, new.region, endpoints.prefers(now, new.zone, policies))
    if new.siblings != old.siblings:
        yield endpoints.of_siblings(new.siblings, new.region)


def _walk(view: View, policies: Policies) -> Iterator[Resource]:
    for upstream in view.upstreams:
        yield clusters.of_upstream(upstream, policies)
        yield endpoints.of_upstream(upstream, view.region, endpoints.prefers(upstream, view.zone, policies))
        if upstream.protocol is not Protocol.TCP:
            yield routes.of_upstream(upstream)
    if view.siblings:
        yield endpoints.of_siblings(view.siblings, view.region)
    for ingress in view.ingress:
        yield clusters.of_ingress(ingress)
        yield listeners.ingress(ingress, view.access_log)
    if view.upstreams:
        # Envoy refuses a listener without a filter chain; without one the redirect finds a closed port.
        door = listeners.Door(view.egress_port, arriving=view.apart)
        yield listeners.egress(door, view.upstreams, view.access_log)
