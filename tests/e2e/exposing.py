"""Service Connect configurations and port mappings, as requests have them."""

from typing import Any

SERVER_PORT = {"name": "server", "containerPort": 5000, "appProtocol": "http"}
CLIENT = {"enabled": True}

PORTS = [
    SERVER_PORT,
    {"name": "tcp", "containerPort": 7000},
    {"name": "http2", "containerPort": 7001, "appProtocol": "http2"},
    {"name": "grpc", "containerPort": 7002, "appProtocol": "grpc"},
]
ENVIRONMENT = [{"name": "TCP_PORT", "value": "7000"}, {"name": "H2_PORTS", "value": "7001,7002"}]
"""A probe that listens for every protocol: its port mappings, and what tells it so."""


def exposed(port_name: str, dns_name: str, port: int, **more: Any) -> dict[str, Any]:
    """An entry of `services`."""
    return {"portName": port_name, "clientAliases": [{"port": port, "dnsName": dns_name}], **more}


def exposing(*services: dict[str, Any]) -> dict[str, Any]:
    return {"enabled": True, "services": list(services)}
