"""Service Connect configurations and port mappings, as requests have them."""

from typing import Any

SERVER_PORT = {"name": "server", "containerPort": 5000, "appProtocol": "http"}
CLIENT = {"enabled": True}


def exposed(port_name: str, dns_name: str, port: int, **more: Any) -> dict[str, Any]:
    """An entry of `services`."""
    return {"portName": port_name, "clientAliases": [{"port": port, "dnsName": dns_name}], **more}


def exposing(*services: dict[str, Any]) -> dict[str, Any]:
    return {"enabled": True, "services": list(services)}
