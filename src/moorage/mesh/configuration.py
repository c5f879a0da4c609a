"""From a View to its Bundle: the one walk that makes all resources of a proxy.

Everything comes from the same value in the same walk, so clusters, endpoints, routes and listeners agree.
"""

from collections.abc import Iterator
from dataclasses import replace

from moorage.mesh import clusters, endpoints, listeners, routes
from moorage.mesh.bundle import Bundle, bundle
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.resource import Resource
from moorage.mesh.view import Protocol, View

Made = tuple[View, Bundle]
"""A view and the bundle that was made of it."""


def bundle_of(view: View, policies: Policies = DEFAULT, last: Made | None = None) -> Bundle:
    """All resources of the view's proxy. Equal views, and views that differ in order only, make equal bundles.

    `last`, made under the same policies, changes nothing but the cost: where only endpoints differ from that view, only
    they are made, and a view that differs in nothing that reaches the proxy has that very bundle.
    """
    if last is not None and _same_but_for_endpoints(view, last[0]):
        return last[1].revised(_changed_endpoints(view, last[0], policies))
    return bundle(_walk(view, policies))


def _same_but_for_endpoints(new: View, old: View) -> bool:
    if len(new.upstreams) != len(old.upstreams) or bool(new.siblings) != bool(old.siblings):
        return False
    if _around(new) != _around(old):
        return False
    return new.upstreams is old.upstreams or all(
        now is then or replace(now, endpoints=()) == replace(then, endpoints=())
        for now, then in zip(new.upstreams, old.upstreams, strict=True)
    )


def _around(view: View) -> tuple[object, ...]:
    """What resources are made from, beside the upstreams and the siblings."""
    return view.region, view.zone, view.egress_port, view.apart, view.ingress, view.access_log


def _changed_endpoints(new: View, old: View, policies: Policies) -> Iterator[Resource]:
    if new.upstreams is not old.upstreams:
        for now, then in zip(new.upstreams, old.upstreams, strict=True):
            if now is not then:
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
