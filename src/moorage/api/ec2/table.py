"""The rows of EC2 that are served here; all its other operations are passed on to the support process."""

from typing import Final

from moorage.api.ec2 import network_interfaces
from moorage.api.support_table import Supported

OPERATIONS: Final = {
    "DescribeNetworkInterfaces": Supported(
        network_interfaces.describe_network_interfaces,
        real="NetworkInterfaceIds Filters.* MaxResults NextToken",
        only={"DryRun": (False,), "IncludeManagedResources": (False, True)},
    ),
}
