"""The elastic network interface of a task in awsvpc mode: identifiers that it keeps for its life, and its MAC address.

Made from what the task is, so that whoever asks, of ECS or of EC2, is told the same.
"""

from ipaddress import IPv4Address
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from moorage.domain.task import Task

KIND: Final = "ElasticNetworkInterface"
"""ECS's word for the attachment of one to a task."""

_LOCALLY_GIVEN: Final = "02:00:"


def attachment_id(task: Task) -> str:
    """The id of the attachment, as ECS knows it."""
    return str(_uuid(task, KIND))


def interface_id(task: Task) -> str:
    """The id of the interface, as EC2 knows it."""
    return f"eni-{_uuid(task, 'eni').hex[:17]}"


def ec2_attachment_id(task: Task) -> str:
    """The id of the attachment, as EC2 knows it."""
    return f"eni-attach-{_uuid(task, 'eni-attach').hex[:17]}"


def mac_address(address: str) -> str:
    """The MAC address of the interface that has this IPv4 address: runtimes give it that one."""
    return _LOCALLY_GIVEN + IPv4Address(address).packed.hex(":")


def _uuid(task: Task, part: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{task.arn}#{part}")
