"""What a container may ask of the machine: what ECS refuses in its words, and what nothing here can give, by name."""

from typing import Any

import pytest

from moorage.domain import task_definition_rules
from moorage.domain.errors import ClientMistake, DomainError, Unsupported
from moorage.planning import container_settings
from moorage.planning.container_settings import SHARED, TASK, VolumeMount

LINUX = "linuxParameters"
DATA = {"volumes": [{"name": "data"}]}


def definition(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = [{"name": f"c{number}", "image": "i", "memory": 64, **each} for number, each in enumerate(containers)]
    return task_definition_rules.completed({"family": "f", "containerDefinitions": made, **more})


def mount(volume: str, path: str = "/data") -> dict[str, Any]:
    return {"mountPoints": [{"sourceVolume": volume, "containerPath": path}]}


def refusal(container: dict[str, Any], **more: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        task_definition_rules.check(definition(container, **more))
    return refused.value


AWSVPC = {"networkMode": "awsvpc"}
FARGATE = {**AWSVPC, "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
REGISTRY = {"repositoryCredentials": {"credentialsParameter": "the-secret"}}
SOFT = {"name": "nofile", "softLimit": 3, "hardLimit": 2}


@pytest.mark.parametrize(
    ("container", "more", "text"),
    [
        ({"hostname": "h"}, AWSVPC, "hostname is not supported on container when networkMode=awsvpc."),
        (
            {"extraHosts": [{"hostname": "h", "ipAddress": "10.0.0.1"}]},
            AWSVPC,
            "Extra hosts are not supported on container when networkMode=awsvpc.",
        ),
        ({"extraHosts": [{"hostname": "h", "ipAddress": "x"}]}, {}, "'x' is not an IP address"),
        ({"dnsServers": ["one"]}, {}, "'one' is not an IP address"),
        (mount("nothing"), DATA, "Unknown volume 'nothing'."),
        (mount("data", "data"), DATA, "nothing can be mounted at 'data'"),
        (mount("data", "/"), DATA, "nothing can be mounted at '/'"),
        ({}, {"volumes": [{"name": "a"}, {"name": "a"}]}, "Volume name 'a' is used more than once"),
        ({"volumesFrom": [{"sourceContainer": "other"}]}, {}, "there is no container 'other'"),
        ({"volumesFrom": [{"sourceContainer": "c0"}]}, {}, "mount volumes from each other: c0 -> c0"),
        ({"ulimits": [SOFT]}, {}, "the soft limit of 'nofile' is above its hard limit"),
        ({"systemControls": [{"namespace": "kernel.core_pattern", "value": "x"}]}, {}, "'kernel.core_pattern'"),
        ({"systemControls": [{"namespace": "net/../kernel.x", "value": "x"}]}, {}, "'net/../kernel.x'"),
        ({LINUX: {"tmpfs": [{"containerPath": "x", "size": 1}]}}, {}, "an absolute containerPath"),
        ({}, {"ephemeralStorage": {"sizeInGiB": 20}}, "must be between 21 and 200 GiB"),
        ({LINUX: {"maxSwap": -1}}, {}, "it must not be negative"),
        ({LINUX: {"swappiness": 101}}, {}, "it must be between 0 and 100"),
        (
            {LINUX: {"maxSwap": 0}},
            FARGATE,
            "Invalid 'maxSwap' setting for container 'c0': Fargate does not support it.",
        ),
        (REGISTRY, {}, "When you are specifying repositoryCredentials, you must also specify a value"),
        ({}, {**FARGATE, "pidMode": "host"}, "The supported value for pidMode is 'task'."),
        ({}, {**FARGATE, "ipcMode": "task"}, "Tasks using the Fargate launch type do not support ipcMode."),
        ({"restartPolicy": {"enabled": True, "restartAttemptPeriod": 59}}, {}, "must be between 60 and 1800"),
        ({"restartPolicy": {"enabled": True, "ignoredExitCodes": list(range(51))}}, {}, "at most 50 exit codes"),
    ],
)
def test_what_ecs_refuses_is_refused_in_its_words(container: dict[str, Any], more: dict[str, Any], text: str) -> None:
    refused = refusal(container, **more)
    assert isinstance(refused, ClientMistake)
    assert text in refused.message


@pytest.mark.parametrize(
    ("container", "more", "text"),
    [
        ({LINUX: {"capabilities": {"add": ["NET_ADMIN"]}}}, {}, "Adding the capability NET_ADMIN to container 'c0'"),
        ({LINUX: {"capabilities": {"add": ["ALL"]}}}, {}, "Adding the capability ALL"),
        ({LINUX: {"tmpfs": [{"containerPath": "/x", "size": 1, "mountOptions": ["suid"]}]}}, {}, "option 'suid'"),
        ({}, {"volumes": [{"name": "v", "host": {"sourcePath": "/etc"}}]}, "The host path of volume 'v'"),
        (
            {},
            {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "rexray"}}]},
            "The driver of volume 'v'",
        ),
        ({}, {"pidMode": "host"}, "The pidMode 'host' is not supported by Moorage: a task cannot see the processes"),
        ({}, {"ipcMode": "host"}, "The ipcMode 'host' is not supported by Moorage: a task cannot reach the shared"),
        ({}, {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "shared"}}]}, "without autoprovision"),
    ],
)
def test_what_this_machine_cannot_give_is_refused_by_name(
    container: dict[str, Any], more: dict[str, Any], text: str
) -> None:
    refused = refusal(container, **more)
    assert isinstance(refused, Unsupported)
    assert text in refused.message


@pytest.mark.parametrize(
    ("container", "more"),
    [
        ({LINUX: {"sharedMemorySize": 64}}, {}),
        ({LINUX: {"capabilities": {"add": ["DAC_READ_SEARCH"]}}}, {}),
        ({}, {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]}),
    ],
)
def test_what_fargate_does_not_have_makes_a_definition_one_for_ec2(
    container: dict[str, Any], more: dict[str, Any]
) -> None:
    sized = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    document = definition(container, **sized, **more)
    task_definition_rules.check(document)
    assert document["compatibilities"] == ["EC2"]
    refused = refusal(container, **sized, **more, requiresCompatibilities=["FARGATE"])
    assert "Fargate" in refused.message


def test_a_container_mounts_what_the_containers_that_it_mounts_from_do() -> None:
    shared = {"name": "cache", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}}
    last = {
        "mountPoints": [{"sourceVolume": "cache", "containerPath": "/cache"}],
        "volumesFrom": [{"sourceContainer": "c1", "readOnly": True}],
    }
    document = definition(
        mount("data"), {"volumesFrom": [{"sourceContainer": "c0"}]}, last, volumes=[*DATA["volumes"], shared]
    )
    task_definition_rules.check(document)
    read = [container_settings.read(each, document).volumes for each in document["containerDefinitions"]]
    assert read[0] == read[1] == (VolumeMount("data", TASK, "/data", False),)
    assert read[2] == (VolumeMount("cache", SHARED, "/cache", False), VolumeMount("data", TASK, "/data", True))


def test_a_container_without_any_of_it_is_plain() -> None:
    document = definition({})
    assert container_settings.read(document["containerDefinitions"][0], document) == container_settings.PLAIN


@pytest.mark.parametrize(
    ("modes", "wanted"),
    [
        ({}, container_settings.Shares()),
        ({"pidMode": "task"}, container_settings.Shares(processes=True)),
        ({"ipcMode": "task"}, container_settings.Shares(ipc=True, memory=128)),
        ({"ipcMode": "none"}, container_settings.Shares()),
    ],
)
def test_a_task_shares_what_its_definition_says(modes: dict[str, Any], wanted: container_settings.Shares) -> None:
    sized = {LINUX: {"sharedMemorySize": 128}} if wanted.ipc else {}
    document = definition({}, sized, **modes)
    task_definition_rules.check(document)
    assert container_settings.shares(document) == wanted
    own = container_settings.read(document["containerDefinitions"][0], document).shared_memory
    assert own == (0 if modes.get("ipcMode") == "none" else 64)
