"""Every operation of every service, merged: the folders contribute their rows, this lists the folders."""

from typing import Final

from moorage.api import logs, ssm, sts
from moorage.api.cloudformation import support as cloudformation
from moorage.api.cloudmap import table as cloudmap
from moorage.api.ecs import refusals
from moorage.api.ecs import support as ecs
from moorage.api.log_events import Archive
from moorage.api.support_table import SupportTable

SUPPORTING: Final = frozenset({"ec2", "iam"})
"""Services that Moto answers for, in the support process."""


def table(archive: Archive | None = None) -> SupportTable:
    """The support table of the whole endpoint. `archive` keeps log events; without one there is no CloudWatch Logs."""
    return SupportTable(
        {
            "cloudformation": cloudformation.OPERATIONS,
            "ecs": ecs.OPERATIONS,
            "logs": logs.operations(archive) if archive is not None else {},
            "servicediscovery": cloudmap.OPERATIONS,
            "ssm": ssm.OPERATIONS,
            "sts": sts.OPERATIONS,
        },
        SUPPORTING,
        {"ecs": refusals.REASONS},
    )
