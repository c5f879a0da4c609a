"""Rules of security groups, as properties and as EC2's IpPermissions: shared by the group and its rule resources."""

from collections.abc import Mapping
from typing import Any

from moorage.stacks.resources.script import Failed
from moorage.stacks.resources.shapes import TEXT, WHOLE, Shape

_COMMON: dict[str, Shape] = {
    "CidrIp": TEXT,
    "CidrIpv6": TEXT,
    "Description": TEXT,
    "FromPort": WHOLE,
    "IpProtocol": TEXT,
    "ToPort": WHOLE,
}
INGRESS: dict[str, Shape] = {
    **_COMMON,
    "SourcePrefixListId": TEXT,
    "SourceSecurityGroupId": TEXT,
    "SourceSecurityGroupOwnerId": TEXT,
}
EGRESS: dict[str, Shape] = {**_COMMON, "DestinationPrefixListId": TEXT, "DestinationSecurityGroupId": TEXT}


def permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as an IpPermission."""
    result: dict[str, Any] = {"IpProtocol": rule["IpProtocol"]}
    result |= {key: rule[key] for key in ("FromPort", "ToPort") if key in rule}
    note = {"Description": rule["Description"]} if rule.get("Description") else {}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    prefixes = rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId")
    owner = {"UserId": rule["SourceSecurityGroupOwnerId"]} if "SourceSecurityGroupOwnerId" in rule else {}
    peers = {
        "IpRanges": [{"CidrIp": rule["CidrIp"], **note}] if "CidrIp" in rule else [],
        "Ipv6Ranges": [{"CidrIpv6": rule["CidrIpv6"], **note}] if "CidrIpv6" in rule else [],
        "PrefixListIds": [{"PrefixListId": prefixes, **note}] if prefixes else [],
        "UserIdGroupPairs": [{"GroupId": group, **owner, **note}] if group else [],
    }
    given = {key: value for key, value in peers.items() if value}
    if len(given) != 1:
        raise Failed("A security group rule needs exactly one peer.", "InvalidRequest")
    return result | given


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Two rules allow the same traffic (descriptions aside)."""
    return {key: value for key, value in one.items() if key != "Description"} == {
        key: value for key, value in other.items() if key != "Description"
    }
