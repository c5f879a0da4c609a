"""Serving Envoy: the delta ADS stream, the hub of bundles, the admin sockets."""
