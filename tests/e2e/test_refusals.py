"""Bad input through the front door: a clear error in ECS's own words where they are known, and nothing changed."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from exposing import SERVER_PORT, exposed, exposing
from leftovers import Machine
from place import Place, free_port

from moorage.store.database import APPLICATION_ID, FILE, SCHEMA_VERSION

pytestmark = pytest.mark.namespaces

LARGEST = 1 << 20


@pytest.fixture(scope="module")
def shop(moorage: Place) -> Place:
    """`holder` holds the alias `taken:80` without a task; `spare` is a task definition for more."""
    moorage.define("holder", SERVER_PORT)
    moorage.define("spare", SERVER_PORT)
    moorage.serve("holder", 0, exposing(exposed("server", "taken", 80, discoveryName="holder")))
    return moorage


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def create(shop: Place, connect: dict[str, Any], **more: Any) -> tuple[str, str]:
    """Why CreateService is refused; no service must be there afterwards."""
    arguments = {
        "cluster": "demo",
        "serviceName": "unwanted",
        "taskDefinition": "spare",
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [shop.subnet]}},
        "serviceConnectConfiguration": connect,
    }
    told = refusal(shop.ecs.create_service, **(arguments | more))
    assert shop.ecs.describe_services(cluster="demo", services=["unwanted"])["services"] == []
    return told


def test_a_port_name_that_no_port_mapping_has(shop: Place) -> None:
    assert create(shop, exposing(exposed("web", "web", 80))) == (
        "InvalidParameterException",
        "portName(web) does not refer to any named PortMapping in the container definitions",
    )


def test_two_aliases_and_none(shop: Place) -> None:
    two = {"portName": "server", "clientAliases": [{"port": 80}, {"port": 81}]}
    assert create(shop, exposing(two)) == (
        "InvalidParameterException",
        "2 clientAliases exceeds the max limit of 1",
    )
    none = {"portName": "web", "clientAliases": []}
    assert create(shop, exposing(none))[1] == "clientAliases must have 1 element."


def test_a_taken_alias(shop: Place) -> None:
    assert create(shop, exposing(exposed("server", "taken", 80, discoveryName="mine"))) == (
        "InvalidParameterException",
        "ClientAlias taken:80 is already used by service with discovery name holder in namespace mesh.local",
    )


def test_a_taken_discovery_name(shop: Place) -> None:
    holder = shop.service("holder")["serviceArn"]
    assert create(shop, exposing(exposed("server", "free", 80, discoveryName="holder"))) == (
        "InvalidParameterException",
        f"SC service is already used by {holder}",
    )


def test_a_name_that_dns_does_not_allow(shop: Place) -> None:
    code, message = create(shop, exposing(exposed("server", "-Not.A.Name", 80)))
    assert code == "InvalidParameterException"
    assert message.startswith("The DNS name that you provided is invalid. The name must be a valid DNS name but")


def test_an_unknown_namespace_and_none_at_all(shop: Place) -> None:
    assert create(shop, {"enabled": True, "namespace": "nowhere"})[0] == "NamespaceNotFoundException"
    shop.ecs.create_cluster(clusterName="bare")
    assert create(shop, {"enabled": True}, cluster="bare") == ("InvalidParameterException", "Namespace is missing")


def test_duplicate_port_names(shop: Place) -> None:
    twice = [SERVER_PORT, {**SERVER_PORT, "containerPort": 5001}]
    with pytest.raises(ClientError) as refused:
        shop.define("twice", *twice)
    assert refused.value.response["Error"] == {
        "Code": "ClientException",
        "Message": "When networkMode=awsvpc, port mapping name is already used",
    }


def test_host_network_mode_and_windows(shop: Place) -> None:
    body = {"name": "app", "image": "probe", "memory": 64, "portMappings": [SERVER_PORT]}
    shop.ecs.register_task_definition(family="hostly", networkMode="host", containerDefinitions=[body], memory="128")
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
    shop.ecs.register_task_definition(
        family="glass", networkMode="awsvpc", containerDefinitions=[body], memory="128", runtimePlatform=windows
    )
    connect = exposing(exposed("server", "web", 80))
    on_host = create(shop, connect, taskDefinition="hostly", launchType="EC2", networkConfiguration={})
    assert "network" in on_host[1]
    assert "host" in on_host[1]
    on_windows = create(shop, connect, taskDefinition="glass", launchType="EC2")
    assert "WINDOWS_SERVER_2022_CORE" in on_windows[1]


def test_what_is_not_supported_is_refused_by_name(shop: Place) -> None:
    code, message = refusal(shop.ecs.discover_poll_endpoint, cluster="demo")
    assert "DiscoverPollEndpoint" in message, code
    registry = {"registryArn": "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-abcdefghijklmnop"}
    code, message = create(shop, {"enabled": True}, serviceRegistries=[registry])
    assert f"Registry: {registry['registryArn']}" in message, code


RESOURCE = "Resources:\n  It:\n    Type: {type}\n    Properties: {properties}\n"
TEMPLATES = {
    "cycle": (
        "Resources:\n"
        "  A:\n    Type: AWS::ECS::Cluster\n    DependsOn: B\n"
        "  B:\n    Type: AWS::ECS::Cluster\n    DependsOn: A\n",
        "Circular dependency between resources: [A, B]",
    ),
    "type": (RESOURCE.format(type="AWS::Moon::Base", properties="{}"), "AWS::Moon::Base"),
    "property": (RESOURCE.format(type="AWS::ECS::Cluster", properties="{Colour: red}"), "Colour"),
    "function": (RESOURCE.format(type="AWS::ECS::Cluster", properties="{ClusterName: {Fn::Guess: x}}"), "Fn::Guess"),
    "reference": (
        RESOURCE.format(type="AWS::ECS::Cluster", properties="{ClusterName: !Ref Missing}"),
        "Resources/It/Properties/ClusterName",
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_cannot_be_right(shop: Place, name: str, tmp_path: Path) -> None:
    template, words = TEMPLATES[name]
    cloudformation = shop.client("cloudformation")
    code, message = refusal(cloudformation.create_stack, StackName="unwanted", TemplateBody=template)
    assert code == "ValidationError"
    assert words in message
    assert cloudformation.describe_stacks()["Stacks"] == []


def test_a_port_that_is_taken_is_reported_with_who_holds_it(shop: Place, tmp_path: Path) -> None:
    done = shop.run("start", "--port", str(shop.port), "--data-dir", str(tmp_path), check=False)
    assert done.returncode == 1
    assert f"port {shop.port} is taken" in done.stderr
    assert shop.process is not None
    assert f"(pid {shop.process.pid})" in done.stderr
    assert "--port" in done.stderr


def peak(shop: Place) -> int:
    """The most memory that the daemon has held since it was last asked to forget it, in KiB."""
    assert shop.process is not None
    status = Path(f"/proc/{shop.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b'{"clusterName":"' + b"x" * LARGEST + b'"}', 413, "RequestEntityTooLarge", id="1 MiB"),
        pytest.param(b"[" * 65 + b"]" * 65, 400, "SerializationException", id="65 levels"),
        pytest.param(b"[" * (LARGEST - 1), 400, "SerializationException", id="a million levels"),
    ],
)
def test_bodies_that_are_too_large_or_nested_too_deep_cost_little(
    shop: Place, body: bytes, status: int, code: str
) -> None:
    assert shop.process is not None
    Path(f"/proc/{shop.process.pid}/clear_refs").write_text("5")
    before = peak(shop)
    headers = {"x-amz-target": "AmazonEC2ContainerServiceV20141113.CreateCluster"}
    answer = httpx.post(shop.url, content=body, headers=headers | {"content-type": "application/x-amz-json-1.1"})
    assert answer.status_code == status
    assert code in json.dumps(dict(answer.headers)) + answer.text
    assert peak(shop) - before < 20 * 1024


def test_a_data_directory_of_a_newer_version_is_left_alone(shop: Place, tmp_path: Path) -> None:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    file = made / FILE
    with sqlite3.connect(file) as database:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    before = file.read_bytes()
    done = shop.run("start", "--port", str(free_port()), "--data-dir", str(made), check=False)
    assert done.returncode == 1
    assert "was written by a newer Moorage" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes() == before
    assert not Machine.now(str(tmp_path)).directories


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Moorage joins the host's network")
def test_a_range_that_this_host_routes_already_is_refused_at_the_start(shop: Place, tmp_path: Path) -> None:
    # The tasks of this very Moorage have addresses of it.
    shop.environment = {**shop.environment, "MOORAGE_NETWORK": "100.64.0.0/10"}
    try:
        done = shop.run("start", "--port", str(free_port()), "--data-dir", str(tmp_path / "data"), check=False)
    finally:
        shop.environment = {name: shop.environment[name] for name in shop.environment if name != "MOORAGE_NETWORK"}
    assert done.returncode == 1
    assert "this host already routes addresses of 100.64.0.0/10" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Machine.now(str(tmp_path)).directories
