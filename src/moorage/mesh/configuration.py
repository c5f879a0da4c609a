"""From a View to its Bundle: the one walk that makes all resources of a proxy.

Everything comes from the same value in the same walk, so clusters, endpoints, routes and listeners agree.
"""

from collections.abc import Iterator

from moorage.mesh import clusters, endpoints, listeners, routes
from moorage.mesh.bundle import Bundle, Resource, bundle
from moorage.mesh.policies import DEFAULT, Policies
from moorage.mesh.view import Protocol, View


def bundle_of(view: View, policies: Policies = DEFAULT) -> Bundle:
    """All resources of the view's proxy. Equal views, and views that differ in order only, make equal bundles."""
    return bundle(_walk(view, policies))


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
        yield listeners.egress(view.egress_port, view.upstreams, view.access_log)
