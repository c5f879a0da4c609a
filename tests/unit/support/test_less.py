"""Moto starts without the tables of instance types; what it is asked for, it answers as ever."""

import subprocess
import sys

import pytest

from moorage.support import operations

ASKED = """
from moorage.support import less
less.apply()
from moto import backends
from moto.ec2.models import instance_types
ec2 = backends.get_backend("ec2")["111122223333"]["eu-west-1"]
vpc = ec2.create_vpc("10.0.0.0/16")
subnet = ec2.create_subnet(vpc.id, "10.0.1.0/24", availability_zone="eu-west-1b")
regions = len(ec2.describe_regions())
print(len(instance_types.INSTANCE_TYPES), subnet.availability_zone, regions > 20)
"""


def test_networks_are_made_and_regions_known_without_the_types_of_instances() -> None:
    said = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.split() == ["0", "eu-west-1b", "True"]


@pytest.mark.parametrize(
    "operation",
    [
        "CreateFleet",
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "ModifyInstanceAttribute",
        "RequestSpotFleet",
        "RequestSpotInstances",
        "RunInstances",
    ],
)
def test_no_operation_that_is_passed_on_looks_at_the_types_of_instances(operation: str) -> None:
    assert not operations.passed_on("ec2", operation)
