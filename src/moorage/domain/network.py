"""Subnet: a place that a task may be put, as EC2 told of it when it was asked for.

The address of a task does not come from its subnet; ids and the availability zone do.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subnet:
    """A subnet by its id, the availability zone and the VPC that it lies in."""

    id: str
    zone: str
    vpc: str = ""
