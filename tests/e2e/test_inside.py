"""What a task sees of itself: its environment, its metadata, its role's credentials, AWS's services; and no other's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from place import IMAGES, ROOT, Place

ROLE = "arn:aws:iam::000000000000:role/app"
AGENT = "http://169.254.170.2"


@pytest.fixture(scope="module")
def task(moorage: Place) -> dict[str, Any]:
    """A running task with a role, and beside it one without, both of the image `inside`."""
    moorage.run("image", "add", "inside", str(IMAGES / "inside"))
    assert moorage.role("app") == ROLE
    for family, more in (("inside", {"taskRoleArn": ROLE}), ("roleless", {})):
        moorage.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": "inside",
                    "cpu": 128,
                    "dockerLabels": {"colour": "blue"},
                    "environment": [{"name": "AWS_DEFAULT_REGION", "value": "eu-west-1"}],
                }
            ],
            **more,
        )
    started = {family: _run(moorage, family) for family in ("inside", "roleless")}
    return {"id": started["inside"], "other": started["roleless"]}


def _run(moorage: Place, family: str) -> str:
    made = moorage.ecs.run_task(
        cluster="demo",
        taskDefinition=family,
        launchType="FARGATE",
        tags=[{"key": "team", "value": "blue"}],
        enableExecuteCommand=family == "inside",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [_subnet(moorage)]}},
    )["tasks"][0]
    identity: str = made["taskArn"].rsplit("/", 1)[1]
    moorage.until(lambda: _answers(moorage, identity), f"the task {family} answers")
    return identity


def _subnet(moorage: Place) -> str:
    found: str = moorage.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return found


def _answers(moorage: Place, task: str) -> bool:
    return moorage.run("curl", task, "-s", "http://127.0.0.1/environment", check=False).returncode == 0


def environment(moorage: Place, task: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(moorage.run("curl", task, "-s", "http://127.0.0.1/environment").stdout)
    return found


def get(moorage: Place, task: str, url: str) -> tuple[int, Any]:
    """A request of the program in the task."""
    asked = f"http://127.0.0.1/get?url={quote(url, safe='')}"
    status, text = json.loads(moorage.run("curl", task, "-s", asked).stdout)
    return status, json.loads(text) if text[:1] in '{["n' else text


def hardware_address(moorage: Place, task: str) -> str:
    """The MAC address of the task's interface, asked of the kernel inside it (SIOCGIFHWADDR)."""
    asked = "fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8927, b'eth0'.ljust(40, b'\\0'))[18:24]"
    program = f"import fcntl, socket; print({asked}.hex(':'))"
    return moorage.run("exec", task, "--", "python3", "-c", program).stdout.strip()


def described(moorage: Place, task: str) -> dict[str, Any]:
    found: dict[str, Any] = moorage.ecs.describe_tasks(cluster="demo", tasks=[task])["tasks"][0]
    return found


def test_the_environment_is_the_one_that_ecs_gives(moorage: Place, task: dict[str, Any]) -> None:
    seen = environment(moorage, task["id"])
    assert seen["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["AWS_DEFAULT_REGION"] == "eu-west-1", "the definition's own value goes before"
    assert seen["ECS_CONTAINER_METADATA_URI_V4"].startswith(f"{AGENT}/v4/{task['id']}-")
    assert seen["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].startswith("/v2/credentials/")
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in environment(moorage, task["other"])


def test_metadata_is_what_the_api_tells(moorage: Place, task: dict[str, Any]) -> None:
    uri = environment(moorage, task["id"])["ECS_CONTAINER_METADATA_URI_V4"]
    api = described(moorage, task["id"])
    status, container = get(moorage, task["id"], uri)
    assert status == 200
    assert container["ContainerARN"] == api["containers"][0]["containerArn"]
    assert container["Labels"]["com.amazonaws.ecs.task-arn"] == api["taskArn"]
    assert container["Labels"]["colour"] == "blue"
    assert container["Networks"][0]["IPv4Addresses"] == [
        detail["value"] for detail in api["attachments"][0]["details"] if detail["name"] == "privateIPv4Address"
    ]
    assert container["Networks"][0]["MACAddress"] == hardware_address(moorage, task["id"])
    assert container["Limits"] == {"CPU": 128}
    _, whole = get(moorage, task["id"], f"{uri}/task")
    assert (whole["TaskARN"], whole["KnownStatus"], whole["Limits"]) == (
        api["taskArn"],
        "RUNNING",
        {"CPU": 0.25, "Memory": 512},
    )
    assert whole["AvailabilityZone"] == api["availabilityZone"]
    assert "TaskTags" not in whole
    assert get(moorage, task["id"], f"{uri}/taskWithTags")[1]["TaskTags"] == {"team": "blue"}


def test_statistics_are_measured(moorage: Place, task: dict[str, Any]) -> None:
    uri = environment(moorage, task["id"])["ECS_CONTAINER_METADATA_URI_V4"]
    status, first = get(moorage, task["id"], f"{uri}/task/stats")
    assert status == 200
    assert set(first) == {uri.rsplit("/", 1)[1]}
    second = get(moorage, task["id"], f"{uri}/stats")[1]
    if second is None:
        pytest.skip("this machine makes no control groups: nothing is counted, and nothing told")
    assert second["networks"]["eth0"]["rx_bytes"] > 0
    assert second["memory_stats"]["usage"] > 100_000
    before, after = second["precpu_stats"]["cpu_usage"]["total_usage"], second["cpu_stats"]["cpu_usage"]["total_usage"]
    assert 0 < before <= after
    assert second["preread"] == first[uri.rsplit("/", 1)[1]]["read"]


def test_credentials_speak_for_the_role_in_a_session_of_the_tasks_name(moorage: Place, task: dict[str, Any]) -> None:
    seen = environment(moorage, task["id"])
    status, keys = get(moorage, task["id"], AGENT + seen["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
    assert (status, keys["RoleArn"]) == (200, ROLE)
    assert keys.keys() == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    scope = quote(f"{keys['AccessKeyId']}/20261123/us-east-1/sts/aws4_request", safe="")
    signed = f"&X-Amz-Credential={scope}&X-Amz-Security-Token={keys['Token']}"
    asked = f"{seen['AWS_ENDPOINT_URL']}/?Action=GetCallerIdentity&Version=2011-06-15{signed}"
    status, answer = get(moorage, task["id"], asked)
    assert status == 200, answer
    assert f"<Arn>arn:aws:sts::000000000000:assumed-role/app/{task['id']}</Arn>" in answer


def test_a_task_sees_no_other_task(moorage: Place, task: dict[str, Any]) -> None:
    seen = environment(moorage, task["id"])
    for url in (seen["ECS_CONTAINER_METADATA_URI_V4"], AGENT + seen["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]):
        assert get(moorage, task["id"], url)[0] == 200
        assert get(moorage, task["other"], url)[0] == (400 if "credentials" in url else 404)


def test_aws_answers_inside_and_moorages_own_routes_do_not(moorage: Place, task: dict[str, Any]) -> None:
    endpoint = environment(moorage, task["id"])["AWS_ENDPOINT_URL"]
    status, answer = get(moorage, task["id"], f"{endpoint}/?Action=GetCallerIdentity&Version=2011-06-15")
    assert status == 200, answer
    assert "<Account>000000000000</Account>" in answer
    assert get(moorage, task["id"], f"{endpoint}/_moorage/status")[0] == 404


def test_it_answers_again_after_the_daemon_was_killed(moorage: Place, task: dict[str, Any]) -> None:
    uri = environment(moorage, task["id"])["ECS_CONTAINER_METADATA_URI_V4"]
    moorage.kill()
    moorage.start()
    moorage.until(lambda: get(moorage, task["id"], uri)[0] == 200, "metadata is answered again")


@pytest.mark.skipif(os.geteuid() != 0, reason="entering a task's network from outside needs root")
def test_an_sdk_in_the_task_needs_nothing_but_its_environment(moorage: Place, task: dict[str, Any]) -> None:
    pid = next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if _reads(folder / "environ", f"v4/{task['id']}-".encode())
    )
    seen = {
        name: value for name, value in environment(moorage, task["id"]).items() if name.startswith(("AWS_", "ECS_"))
    }
    ecs = "boto3.client('ecs').list_clusters(maxResults=1)['clusterArns']"
    program = f"import boto3; print(boto3.client('sts').get_caller_identity()['Account'], {ecs})"
    done = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", sys.executable, "-c", program],
        env={**seen, "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("000000000000 []"), done.stderr


def _reads(file: Path, needle: bytes) -> bool:
    try:
        return needle in file.read_bytes()
    except OSError:
        return False


def secretive(moorage: Place, family: str, *parameters: str) -> str:
    """Run a task whose container takes SECRET0, SECRET1 … from parameters; its id."""
    moorage.ecs.register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        containerDefinitions=[
            {
                "name": "app",
                "image": "inside",
                "secrets": [{"name": f"SECRET{n}", "valueFrom": value} for n, value in enumerate(parameters)],
            }
        ],
    )
    made = moorage.ecs.run_task(
        cluster="demo",
        taskDefinition=family,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [_subnet(moorage)]}},
    )["tasks"][0]
    identity: str = made["taskArn"].rsplit("/", 1)[1]
    return identity


def test_secrets_are_in_the_environment_of_the_container(moorage: Place, task: dict[str, Any]) -> None:
    ssm = moorage.client("ssm")
    ssm.put_parameter(Name="/inside/user", Value="admin", Type="String")
    arn = ssm.get_parameter(Name="/inside/user")["Parameter"]["ARN"]
    identity = secretive(moorage, "secretive", "/inside/user", arn)
    moorage.until(lambda: _answers(moorage, identity), "the task answers")
    seen = environment(moorage, identity)
    assert (seen["SECRET0"], seen["SECRET1"]) == ("admin", "admin")


def test_a_task_whose_secret_is_missing_stops_in_the_words_of_ecs(moorage: Place, task: dict[str, Any]) -> None:
    identity = secretive(moorage, "missing", "/inside/none")
    moorage.until(lambda: described(moorage, identity)["lastStatus"] == "STOPPED", "the task has stopped")
    found = described(moorage, identity)
    assert found["stopCode"] == "TaskFailedToStart"
    assert found["stoppedReason"] == (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /inside/none"
    )
    assert "startedAt" not in found


APP = """
import os, signal, socket, sys
print("to stdout", flush=True)
print("to stderr", file=sys.stderr, flush=True)
with socket.create_connection((os.environ["FLUENT_HOST"], int(os.environ["FLUENT_PORT"]))) as own:
    own.sendall(b"\\x93\\xa3own\\xce\\x65\\x00\\x00\\x00\\x81\\xa3log\\xa6mine !")
signal.sigwait({signal.SIGTERM})
print("goodbye", flush=True)
"""


@pytest.fixture(scope="module")
def routed(moorage: Place, task: dict[str, Any]) -> str:
    """A running task whose app sends its logs to a router; its id."""
    image = moorage.data.parent / "images" / "router"
    shutil.copytree(IMAGES / "router", image)
    shutil.copy(ROOT / "tests/forward_protocol.py", image)
    moorage.run("image", "add", "router", str(image))
    moorage.client("ssm").put_parameter(Name="/api/key", Value="hush", Type="SecureString")
    log = {"options": {"Name": "s3"}, "secretOptions": [{"name": "apikey", "valueFrom": "/api/key"}]}
    app = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})\n{APP}"
    moorage.ecs.register_task_definition(
        family="routed",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        containerDefinitions=[
            {"name": "router", "image": "router", "firelensConfiguration": {"type": "fluentbit"}},
            {
                "name": "app",
                "image": "inside",
                "command": ["python3", "-c", app],
                "logConfiguration": {"logDriver": "awsfirelens", **log},
            },
        ],
    )
    made = moorage.start_task("routed")
    moorage.task_in(made, "RUNNING")
    return made.rsplit("/", 1)[1]


def routes(moorage: Place, task: str) -> list[dict[str, Any]]:
    """What the router has written: its configuration, then event after event."""
    lines = written(moorage, task, "router")
    assert all(line.startswith("{") for line in lines), lines
    return [json.loads(line) for line in lines]


def written(moorage: Place, task: str, container: str) -> list[str]:
    lines = httpx.get(f"{moorage.url}/_moorage/logs/{task}/{container}").text.splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_a_router_is_configured_and_gets_what_the_other_containers_write(moorage: Place, routed: str) -> None:
    moorage.until(lambda: len(routes(moorage, routed)) >= 4, "three events came")
    first, *events = routes(moorage, routed)
    assert first["secret"] == "hush" and "apikey ${apikey_1}" in first["configuration"]
    assert f"ecs_task_arn {described(moorage, routed)['taskArn']}" in first["configuration"]
    by_text = {event["record"].pop("log"): event for event in events}
    assert by_text["mine !"]["tag"] == "own"
    whose = {"container_id": by_text["to stdout"]["record"]["container_id"], "container_name": "app"}
    assert whose["container_id"].startswith(f"{routed}-")
    for stream in ("stdout", "stderr"):
        event = by_text[f"to {stream}"]
        assert event["tag"] == f"app-firelens-{routed}"
        assert event["record"] == {**whose, "source": stream}
    assert "to stdout" in written(moorage, routed, "app")


def test_the_last_words_of_a_container_reach_the_router_which_ends_after_it(moorage: Place, routed: str) -> None:
    moorage.until(lambda: len(routes(moorage, routed)) >= 4, "the app waits for its end")
    moorage.ecs.stop_task(cluster="demo", task=routed)
    moorage.until(lambda: described(moorage, routed)["lastStatus"] == "STOPPED", "the task ended")
    assert {each["name"]: each["exitCode"] for each in described(moorage, routed)["containers"]} == {
        "app": 0,
        "router": 0,
    }
    assert routes(moorage, routed)[-1]["record"]["log"] == "goodbye"
