"""Every operation of every service, merged: the folders contribute their rows, this lists the folders."""

from typing import Final

from moorage.api import autoscaling, logs, ssm, sts
from moorage.api.cloudformation import support as cloudformation
from moorage.api.cloudmap import table as cloudmap
from moorage.api.cloudwatch import table as cloudwatch
from moorage.api.cloudwatch.reading import Sources
from moorage.api.ec2 import table as ec2
from moorage.api.ecs import execute_command, refusals
from moorage.api.ecs import support as ecs
from moorage.api.exec_sessions import Sessions
from moorage.api.log_events import Archive
from moorage.api.support_table import SupportTable

SUPPORTING: Final = frozenset(
    {
        "acm-pca",
        "application-autoscaling",
        "cloudwatch",
        "ec2",
        "ecr",
        "iam",
        "kms",
        "route53",
        "s3",
        "secretsmanager",
    }
)
"""Services that Moto answers for, in the support process."""


def table(
    archive: Archive | None = None, sessions: Sessions | None = None, sources: Sources | None = None
) -> SupportTable:
    """The support table of the whole endpoint.

    `archive` keeps log events; without one there is no CloudWatch Logs. `sessions` are those of ExecuteCommand.
    `sources` are those of the metrics of AWS/ECS; without them all of CloudWatch is the support process's.
    """
    running = execute_command.operations(sessions) if sessions is not None else {}
    return SupportTable(
        {
            "application-autoscaling": autoscaling.OPERATIONS,
            "cloudformation": cloudformation.OPERATIONS,
            **({"cloudwatch": cloudwatch.operations(sources)} if sources is not None else {}),
            "ec2": ec2.OPERATIONS,
            "ecs": {**ecs.OPERATIONS, **running},
            "logs": logs.operations(archive) if archive is not None else {},
            "servicediscovery": cloudmap.OPERATIONS,
            "ssm": ssm.OPERATIONS,
            "sts": sts.OPERATIONS,
        },
        SUPPORTING,
        {"ecs": refusals.REASONS, "sts": sts.REASONS},
    )
