"""Why an operation or a parameter is refused, in a few words: the first row whose pattern matches says it.

What no row speaks of is not there yet. A test finds rows that nothing needs any more.
"""

import re
from typing import Final

NOT_YET: Final = "not there yet"

Rows = tuple[tuple[str, str, str], ...]

OPERATIONS: Final[Rows] = (
    ("cloudformation", "StackSet|StackInstance|Organizations", "they work across the accounts of an organization"),
    ("cloudformation", "Type|Publisher|Registration", "types come with Moorage; there is no registry of others"),
    ("cloudformation", "Drift", f"drift is {NOT_YET}"),
    ("cloudformation", "GeneratedTemplate|ResourceScan", "templates are not made from what exists"),
    ("cloudformation", "Refactor|Alias", "resources are not moved between stacks"),
    ("cloudformation", "Hook|HandlerProgress", "hooks are not run"),
    ("cloudformation", "StackPolicy", f"stack policies are {NOT_YET}"),
    ("logs", "", "groups, streams and their events are served, nothing beyond"),
    ("ssm", "", "of Systems Manager, parameters alone are served"),
)
"""Service, a pattern that an operation's name contains, and why."""

_CONNECT = "serviceConnectConfiguration.services"

PARAMETERS: Final[Rows] = (
    ("ecs", rf"{_CONNECT}\.tls", f"TLS between proxies is {NOT_YET}"),
    (
        "ecs",
        r"testTrafficRules|canaryConfiguration|linearConfiguration",
        f"strategies other than ROLLING are {NOT_YET}",
    ),
    ("ecs", r"^role$", "it is for classic load balancers"),
    (
        "ecs",
        r"^monitoring$",
        "CPUUtilization and MemoryUtilization are measured once a minute, ECS's default; 20 seconds are not to be had",
    ),
    ("ecs", r"^volumes\.(efs|fsx|s3files)", "no remote file system is mounted: use an empty volume"),
    (
        "ecs",
        r"^volumes\.dockerVolumeConfiguration\.driverOpts",
        "the driver local mounts what is this machine's or a server's; a tmpfs is `linuxParameters.tmpfs`",
    ),
    ("ecs", r"^daemonName$", "ECS daemons run on managed instances, which there are none of on one machine"),
    ("ecs", r"^cluster$|^managedInstancesProvider$", "there are no managed instances on one machine"),
    ("ecs", r"^proxyConfiguration$", "it is App Mesh's; AWS ended App Mesh on 2026-09-30"),
    ("ecs", r"^trustedExecutionConfiguration$", "there is no enclave here"),
    (
        "servicediscovery",
        r"HealthCheckConfig$",
        "no Route 53 health checker runs here; custom health checks are served",
    ),
    ("servicediscovery", r"^OwnerAccount$", f"sharing namespaces between accounts is {NOT_YET}"),
    ("cloudformation", r"^StackPolicy", f"stack policies are {NOT_YET}"),
    ("cloudformation", r"^DeploymentMode$", f"drift is {NOT_YET}"),
    ("cloudformation", r"^ResourceTypes$", "any resource type that is understood may be used"),
    ("logs", r"^kmsKeyId$", "nothing is encrypted here"),
    ("logs", r"^accountIdentifiers$", "accounts do not watch each other"),
    ("logs", r"^entity$", "there is no CloudWatch to relate events to"),
    ("sts", r"^SerialNumber$|^TokenCode$", "there are no devices for a second factor"),
)
"""Service, a pattern that a parameter's path contains, and why."""


def of_operation(service: str, name: str) -> str:
    """Why the operation is refused."""
    return _reason(OPERATIONS, service, name)


def of_parameter(service: str, path: str) -> str:
    """Why the parameter is refused."""
    return _reason(PARAMETERS, service, path)


def needed(rows: Rows, subjects: list[tuple[str, str]]) -> set[int | None]:
    """The numbers of the rows that these subjects need."""
    return {_row(rows, service, name) for service, name in subjects}


def _reason(rows: Rows, service: str, name: str) -> str:
    number = _row(rows, service, name)
    return NOT_YET if number is None else rows[number][2]


def _row(rows: Rows, service: str, name: str) -> int | None:
    for number, (of_service, pattern, _) in enumerate(rows):
        if of_service == service and re.search(pattern, name):
            return number
    return None
