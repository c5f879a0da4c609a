"""Which DNS records and routing policies go together in a Cloud Map service, and what may change of them.

Source: Cloud Map API reference, DnsConfig, DnsRecord and UpdateService.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from moorage.domain.errors import InvalidParameter


def check_config(config: Mapping[str, Any]) -> None:
    """InvalidParameter unless a service may have these records."""
    types = _types(config)
    twice = [kind for kind, count in Counter(types).items() if count > 1]
    if twice:
        raise InvalidParameter(f"DnsRecords has the record type {twice[0]} more than once")
    if "CNAME" not in types:
        return
    if len(types) > 1:
        raise InvalidParameter("A service with CNAME records cannot have records of other types")
    if config.get("RoutingPolicy") != "WEIGHTED":
        raise InvalidParameter("RoutingPolicy must be WEIGHTED for a service with CNAME records")


def check_change(current: Sequence[str], config: Mapping[str, Any]) -> None:
    """InvalidParameter if an update asks for other record types; those that there are may go, and change their TTL."""
    check_config(config)
    for kind in _types(config):
        if kind not in current:
            raise InvalidParameter(
                f"The record types of a service cannot be changed to {kind}: delete the service, and create it again"
            )


def _types(config: Mapping[str, Any]) -> list[str]:
    return [record["Type"] for record in config.get("DnsRecords", ())]
