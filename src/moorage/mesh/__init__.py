"""Envoy configuration: from the View of one proxy to a Bundle of its resources. Pure."""
