"""EC2's filters over network interfaces: a filter names what it looks at, its values are alternatives with wildcards.

Source: EC2 API reference, DescribeNetworkInterfaces, "Filters".
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from moorage.wire.faults import reject

Interface = Mapping[str, Any]
Filters = Mapping[str, Sequence[str]]


def _member(*path: str) -> Callable[[Interface], list[str]]:
    """What is at a path, through lists, as EC2 writes it."""

    def values(interface: Interface) -> list[str]:
        found: list[Any] = [interface]
        for name in path:
            found = [each[name] for each in found if name in each]
            found = [item for each in found for item in (each if isinstance(each, list) else [each])]
        return [_text(each) for each in found]

    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_LOOKS_AT: Final[Mapping[str, Callable[[Interface], list[str]]]] = {
    "addresses.primary": _member("PrivateIpAddresses", "Primary"),
    "addresses.private-ip-address": _member("PrivateIpAddresses", "PrivateIpAddress"),
    "association.allocation-id": _member("Association", "AllocationId"),
    "association.public-ip": _member("Association", "PublicIp"),
    "attachment.attachment-id": _member("Attachment", "AttachmentId"),
    "attachment.device-index": _member("Attachment", "DeviceIndex"),
    "attachment.instance-id": _member("Attachment", "InstanceId"),
    "attachment.instance-owner-id": _member("Attachment", "InstanceOwnerId"),
    "attachment.status": _member("Attachment", "Status"),
    "availability-zone": _member("AvailabilityZone"),
    "description": _member("Description"),
    "group-id": _member("Groups", "GroupId"),
    "group-name": _member("Groups", "GroupName"),
    "interface-type": _member("InterfaceType"),
    "mac-address": _member("MacAddress"),
    "network-interface-id": _member("NetworkInterfaceId"),
    "owner-id": _member("OwnerId"),
    "private-dns-name": _member("PrivateDnsName"),
    "private-ip-address": _member("PrivateIpAddress"),
    "requester-id": _member("RequesterId"),
    "requester-managed": _member("RequesterManaged"),
    "source-dest-check": _member("SourceDestCheck"),
    "status": _member("Status"),
    "subnet-id": _member("SubnetId"),
    "tag-key": _member("TagSet", "Key"),
    "vpc-id": _member("VpcId"),
}


def read(given: Iterable[Mapping[str, Any]]) -> Filters:
    """Filters by their names; Rejected where one is not known."""
    filters = {each.get("Name", ""): each.get("Values", []) for each in given}
    for name in filters:
        if name not in _LOOKS_AT and not name.startswith("tag:"):
            raise reject("InvalidParameterValue", f"The filter '{name}' is invalid")
    return filters


def matches(interface: Interface, filters: Filters) -> bool:
    """The interface is of those that every filter lets through."""
    return all(_passes(interface, name, values) for name, values in filters.items())


def _passes(interface: Interface, name: str, values: Sequence[str]) -> bool:
    looks_at = _LOOKS_AT.get(name) or partial(_tag, key=name.removeprefix("tag:"))
    found = looks_at(interface)
    return any(like(value, each) for value in values for each in found)


def _tag(interface: Interface, key: str) -> list[str]:
    return [tag["Value"] for tag in interface.get("TagSet", ()) if tag["Key"] == key]


def like(pattern: str, text: str) -> bool:
    """`*` is any text, `?` any character; a backslash takes what follows it as it is.

    Takes no more steps than one for each pair of their characters.
    """
    pieces: list[str] = re.findall(r"\\.|.", pattern, re.DOTALL)
    at = [True, *([False] * len(text))]  # which beginnings of the text the pieces so far come to
    for piece in pieces:
        if piece == "*":
            first = at.index(True) if True in at else len(at)
            at = [place >= first for place in range(len(at))]
        else:
            at = [
                False,
                *(before and piece in ("?", each, f"\\{each}") for before, each in zip(at, text, strict=False)),
            ]
    return at[-1]
