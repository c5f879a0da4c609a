"""AWS::ECS::TaskDefinition by RegisterTaskDefinition and DeregisterTaskDefinition. Every change is a new revision."""

from collections.abc import Generator, Mapping
from typing import Any

from moorage.stacks.resources.script import Answer, Made, Order, ResourceType, Script, Step, ask, unless
from moorage.stacks.resources.shapes import (
    NONE,
    OFF,
    PAIRS,
    TAGS,
    TEXT,
    TEXT_LIST,
    TEXTS,
    TRUTH,
    WHOLE,
    Exactly,
    ListOf,
    Object,
    camel,
)
from moorage.stacks.resources.tagging import ecs_tags, retag_ecs

TYPE = "AWS::ECS::TaskDefinition"
_HEALTH_CHECK = Object(
    {"Command": TEXT_LIST, "Interval": WHOLE, "Retries": WHOLE, "StartPeriod": WHOLE, "Timeout": WHOLE}
)
_LINUX = Object(
    {
        "Capabilities": Object({"Add": TEXT_LIST, "Drop": TEXT_LIST}),
        "Devices": NONE,
        "InitProcessEnabled": TRUTH,
        "MaxSwap": WHOLE,
        "SharedMemorySize": WHOLE,
        "Swappiness": WHOLE,
        "Tmpfs": ListOf(
            Object({"ContainerPath": TEXT, "MountOptions": TEXT_LIST, "Size": WHOLE}, ("Size",)),
        ),
    }
)
_VOLUME = Object(
    {
        "ConfiguredAtLaunch": OFF,
        "DockerVolumeConfiguration": Object(
            {"Autoprovision": TRUTH, "Driver": TEXT, "Labels": TEXTS, "Scope": TEXT},
        ),
        "Host": Object({"SourcePath": TEXT}),
        "Name": TEXT,
    }
)
_PORT_MAPPINGS = ListOf(
    Object(
        {
            "AppProtocol": TEXT,
            "ContainerPort": WHOLE,
            "ContainerPortRange": TEXT,
            "HostPort": WHOLE,
            "Name": TEXT,
            "Protocol": TEXT,
        }
    )
)
LOG_CONFIGURATION = Object(
    {"LogDriver": Exactly(TEXT, ("awslogs", "json-file")), "Options": TEXTS, "SecretOptions": NONE}, ("LogDriver",)
)
_SECRET = Object({"Name": TEXT, "ValueFrom": TEXT}, ("Name", "ValueFrom"))
_CONTAINER = Object(
    {
        "Command": TEXT_LIST,
        "Cpu": WHOLE,
        "CredentialSpecs": NONE,
        "DependsOn": ListOf(Object({"Condition": TEXT, "ContainerName": TEXT})),
        "DisableNetworking": OFF,
        "DnsSearchDomains": TEXT_LIST,
        "DnsServers": TEXT_LIST,
        "DockerLabels": TEXTS,
        "DockerSecurityOptions": Exactly(TEXT_LIST, ([], ["no-new-privileges"], ["no-new-privileges:true"])),
        "EntryPoint": TEXT_LIST,
        "Environment": PAIRS,
        "EnvironmentFiles": ListOf(Object({"Type": TEXT, "Value": TEXT})),
        "Essential": TRUTH,
        "ExtraHosts": ListOf(Object({"Hostname": TEXT, "IpAddress": TEXT})),
        "FirelensConfiguration": Object({"Options": TEXTS, "Type": TEXT}, ("Type",)),
        "HealthCheck": _HEALTH_CHECK,
        "Hostname": TEXT,
        "Image": TEXT,
        "Interactive": TRUTH,
        "Links": NONE,
        "LinuxParameters": _LINUX,
        "LogConfiguration": Object(
            {"LogDriver": TEXT, "Options": TEXTS, "SecretOptions": ListOf(_SECRET)},
            ("LogDriver",),
        ),
        "Memory": WHOLE,
        "MemoryReservation": WHOLE,
        "MountPoints": ListOf(Object({"ContainerPath": TEXT, "ReadOnly": TRUTH, "SourceVolume": TEXT})),
        "Name": TEXT,
        "PortMappings": _PORT_MAPPINGS,
        "Privileged": OFF,
        "PseudoTerminal": TRUTH,
        "ReadonlyRootFilesystem": TRUTH,
        "RepositoryCredentials": Object({"CredentialsParameter": TEXT}),
        "ResourceRequirements": NONE,
        "RestartPolicy": Object(
            {"Enabled": TRUTH, "IgnoredExitCodes": ListOf(WHOLE), "RestartAttemptPeriod": WHOLE},
        ),
        "Secrets": ListOf(_SECRET),
        "StartTimeout": WHOLE,
        "StopTimeout": WHOLE,
        "SystemControls": ListOf(Object({"Namespace": TEXT, "Value": TEXT})),
        "Ulimits": ListOf(
            Object({"HardLimit": WHOLE, "Name": TEXT, "SoftLimit": WHOLE}, ("HardLimit", "Name", "SoftLimit"))
        ),
        "User": TEXT,
        "VersionConsistency": Exactly(TEXT, ("disabled",)),
        "VolumesFrom": ListOf(Object({"ReadOnly": TRUTH, "SourceContainer": TEXT})),
        "WorkingDirectory": TEXT,
    },
    ("Image", "Name"),
)
PROPERTIES = Object(
    {
        "ContainerDefinitions": ListOf(_CONTAINER),
        "Cpu": TEXT,
        "EnableFaultInjection": OFF,
        "EphemeralStorage": Object({"SizeInGiB": WHOLE}),
        "ExecutionRoleArn": TEXT,
        "Family": TEXT,
        "InferenceAccelerators": NONE,
        "IpcMode": TEXT,
        "Memory": TEXT,
        "NetworkMode": TEXT,
        "PidMode": TEXT,
        "PlacementConstraints": ListOf(Object({"Expression": TEXT, "Type": TEXT}, ("Type",))),
        "RequiresCompatibilities": TEXT_LIST,
        "RuntimePlatform": Object({"CpuArchitecture": TEXT, "OperatingSystemFamily": TEXT}),
        "Tags": TAGS,
        "TaskRoleArn": TEXT,
        "Volumes": ListOf(_VOLUME),
    }
)
"""What RegisterTaskDefinition supports here; a test holds the two together."""


def _create(order: Order) -> Script:
    members = camel(PROPERTIES, order.properties)
    members.setdefault("family", order.generated_name(255))
    members.pop("tags", None)
    arn = (yield from _registered_before(order, members)) if order.resumed else None
    if arn is None:
        tags = ecs_tags(order.tags())
        answer = yield ask("ecs", "RegisterTaskDefinition", **members, tags=tags)
        arn = answer["taskDefinition"]["taskDefinitionArn"]
    yield Made(arn, {"TaskDefinitionArn": arn})


def _registered_before(order: Order, members: Mapping[str, Any]) -> Generator[Step, Answer, str | None]:
    """The family's newest revision, if it says what we were about to register and is not an older one of ours."""
    answer = yield ask("ecs", "ListTaskDefinitions", familyPrefix=members["family"], sort="DESC", maxResults=1)
    arns = [arn for arn in answer["taskDefinitionArns"] if arn not in order.known]
    if not arns:
        return None
    described = yield ask("ecs", "DescribeTaskDefinition", taskDefinition=arns[0])
    return arns[0] if _says(described["taskDefinition"], members) else None


def _says(described: Any, wanted: Any) -> bool:
    """Everything wanted stands in what is described; defaults may have been added."""
    if isinstance(wanted, Mapping):
        return isinstance(described, Mapping) and all(_says(described.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(described, list)
            and len(described) == len(wanted)
            and all(_says(one, other) for one, other in zip(described, wanted, strict=True))
        )
    return bool(described == wanted)


def _update(order: Order) -> Script:
    yield from retag_ecs(order, order.physical_id)


def _delete(order: Order) -> Script:
    request = ask("ecs", "DeregisterTaskDefinition", taskDefinition=order.physical_id)
    # Deregistering an INACTIVE or unknown revision is ECS's ClientException: then it is as it should be.
    yield from unless({"ClientException", "InvalidParameterException"}, request)


RESOURCE = ResourceType(
    type=TYPE,
    properties=PROPERTIES,
    create=_create,
    delete=_delete,
    update=_update,
    replace_on=frozenset(PROPERTIES.members) - {"Tags"},
    attributes=frozenset({"TaskDefinitionArn"}),
)
