"""Why an operation or a parameter is refused, and what to use instead: the first row whose pattern matches says it.

The caller reads it in the error, and `docs/support.md` is written from it. A test finds rows that nothing needs any
more.
"""

import re
from typing import Final

PLAINLY: Final = "nothing here would follow from it"
"""What is said of that which no row speaks of."""

Rows = tuple[tuple[str, str, str], ...]

_DRIFT: Final = "resources are not compared with their template: describe the resource itself"
_POLICY: Final = "any resource may be updated: keep one with its DeletionPolicy, a stack with termination protection"

OPERATIONS: Final[Rows] = (
    ("cloudformation", "StackSet|StackInstance|Organizations", "they work across the accounts of an organization"),
    ("cloudformation", "Type|Publisher|Registration", "types come with Moorage; there is no registry of others"),
    ("cloudformation", "Drift", _DRIFT),
    ("cloudformation", "GeneratedTemplate|ResourceScan", "templates are not made from what exists"),
    ("cloudformation", "Refactor|Alias", "resources are not moved between stacks"),
    ("cloudformation", "Hook|HandlerProgress", "hooks are not run"),
    ("cloudformation", "StackPolicy", _POLICY),
    (
        "cloudformation",
        "CancelUpdateStack|ContinueUpdateRollback|RollbackStack",
        "a change runs to its end and is rolled back by itself where it fails: wait for that, then update or delete",
    ),
    ("cloudformation", "SignalResource", "no resource type that is served waits for signals"),
    ("cloudformation", "DescribeAccountLimits", "stacks have no quotas here"),
    ("cloudformation", "DescribeEvents", "the events of a stack are those of DescribeStackEvents"),
    ("cloudformation", "EstimateTemplateCost", "nothing here costs anything"),
    ("logs", "", "groups, streams and their events are served, nothing beyond"),
    ("ssm", "", "of Systems Manager, parameters alone are served"),
)
"""Service, a pattern that an operation's name contains, and why."""

_CONNECT = "serviceConnectConfiguration.services"

PARAMETERS: Final[Rows] = (
    ("ecs", rf"{_CONNECT}\.tls", "traffic between proxies is not encrypted here; it does not leave this machine"),
    (
        "ecs",
        r"testTrafficRules|canaryConfiguration|linearConfiguration|^deploymentConfiguration\.strategy",
        "tasks are replaced by rolling updates; traffic is not shifted between two sets of them",
    ),
    ("ecs", r"lifecycleHooks", "rolling deployments have no stages that hooks could stop at"),
    (
        "ecs",
        r"^loadBalancers$",
        "there is no Elastic Load Balancing here: services reach the tasks by Service Connect or service discovery, "
        "this machine by `moorage forward`",
    ),
    ("ecs", r"^deploymentController\.type$", "there is no CodeDeploy here that could drive a deployment"),
    ("ecs", r"^volumeConfigurations$|configuredAtLaunch$", "there is no EBS here: use an empty volume"),
    ("ecs", r"^vpcLatticeConfigurations$", "there is no VPC Lattice here: use Service Connect"),
    ("ecs", r"^gatewayConnectors$", "there are no gateways here: use Service Connect"),
    ("ecs", r"logConfiguration\.(logDriver|secretOptions)$", "a proxy's log is kept here or goes to CloudWatch Logs"),
    ("ecs", r"^resourceManagementType$", "there are no services that ECS manages itself"),
    ("ecs", r"^enableFaultInjection$", "there is nothing here that injects faults into tasks"),
    (
        "ecs",
        r"[iI]nferenceAccelerator|resourceRequirements$",
        "no GPU or accelerator of this machine is given to tasks",
    ),
    ("ecs", r"credentialSpecs$", "there is no Active Directory here"),
    ("ecs", r"disableNetworking$", "use the networkMode none"),
    ("ecs", r"dockerSecurityOptions$", "labels of SELinux and AppArmor are not set for tasks"),
    ("ecs", r"\.links$", "containers of a task share its network, and tasks find each other by Service Connect"),
    ("ecs", r"devices$", "a task cannot reach the devices of this machine"),
    ("ecs", r"privileged$", "a task has no power over this machine: add what it needs by linuxParameters.capabilities"),
    ("ecs", r"^stopType$", "a rolling deployment that is stopped goes back to the one before"),
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
    ("ecs", r"^proxyConfiguration$", "it is App Mesh's, which AWS ended on 2026-09-30: use Service Connect"),
    ("ecs", r"^trustedExecutionConfiguration$", "there is no enclave here"),
    (
        "servicediscovery",
        r"HealthCheckConfig$",
        "no Route 53 health checker runs here; custom health checks are served",
    ),
    (
        "servicediscovery",
        r"^OwnerAccount$",
        "namespaces are not shared between accounts: ask as the account that owns it",
    ),
    ("cloudformation", r"^StackPolicy", _POLICY),
    ("cloudformation", r"^DeploymentMode$", _DRIFT),
    ("cloudformation", r"^ResourceTypes$", "any resource type that is understood may be used"),
    (
        "cloudformation",
        r"^RetainExceptOnCreate$",
        "what a failed creation made is deleted, unless its DeletionPolicy is Retain",
    ),
    (
        "cloudformation",
        r"^TimeoutInMinutes$",
        "a creation is waited for as long as it takes: a circuit breaker ends that of a service that cannot start",
    ),
    ("cloudformation", r"^NotificationARNs$", "there is no SNS here: read the stack's events"),
    ("cloudformation", r"^RollbackConfiguration$", "no alarm watches a stack: services have deployment alarms"),
    ("cloudformation", r"^ResourcesToImport$", "what exists is not taken into a stack"),
    ("cloudformation", r"^(CallAs|StackSetName)$", "there are no stack sets"),
    ("logs", r"^kmsKeyId$", "nothing is encrypted here"),
    ("logs", r"^(accountIdentifiers|includeLinkedAccounts)$", "accounts do not watch each other"),
    ("logs", r"^entity$", "there is no CloudWatch to relate events to"),
    ("logs", r"^unmask$", "nothing is masked here"),
    ("logs", r"^logGroupClass$", "there is one class of log groups here"),
    ("ssm", r"^Policies$", "parameters neither expire nor notify here"),
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
    return PLAINLY if number is None else rows[number][2]


def _row(rows: Rows, service: str, name: str) -> int | None:
    for number, (of_service, pattern, _) in enumerate(rows):
        if of_service == service and re.search(pattern, name):
            return number
    return None
