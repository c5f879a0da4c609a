"""Every operation of every service, merged: the folders contribute their rows, this lists the folders."""

from typing import Final

from moorage.api import ssm, sts
from moorage.api.cloudformation import support as cloudformation
from moorage.api.cloudmap import table as cloudmap
from moorage.api.ecs import support as ecs
from moorage.api.support_table import SupportTable

SUPPORTING: Final = frozenset({"ec2", "iam"})
"""Services that Moto answers for, in the support process."""


def table() -> SupportTable:
    """The support table of the whole endpoint."""
    return SupportTable(
        {
            "cloudformation": cloudformation.OPERATIONS,
            "ecs": ecs.OPERATIONS,
            "servicediscovery": cloudmap.OPERATIONS,
            "ssm": ssm.OPERATIONS,
            "sts": sts.OPERATIONS,
        },
        SUPPORTING,
    )
