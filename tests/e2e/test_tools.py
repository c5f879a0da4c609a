"""boto3 and the AWS CLI as they come, with nothing but the variables that `moorage env` prints."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exposing import SERVER_PORT, exposed, exposing
from place import ROOT, Place

pytestmark = pytest.mark.namespaces

AWS = ROOT / ".venv-awscli" / "bin" / "aws"
TEMPLATE = """
Resources:
  Space:
    Type: AWS::ServiceDiscovery::HttpNamespace
    Properties: {Name: tools.local}
Outputs:
  Space: {Value: !Ref Space}
"""


@pytest.fixture(scope="module")
def shell(moorage: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A clean environment after `eval "$(moorage env)"`, as a shell makes it; a service `server` is deployed."""
    moorage.define("server", SERVER_PORT)
    moorage.serve("server", 1, exposing(exposed("server", "server.mesh.local", 5000)))
    command = f'eval "$({sys.executable} -m moorage env --port {moorage.port})" && env -0'
    clean = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src"), "HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run(["/bin/sh", "-c", command], env=clean, capture_output=True, text=True, check=True)
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in found.items() if name.startswith("AWS_")} | {
        "HOME": clean["HOME"],
        "PATH": clean["PATH"],
    }


def run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def aws(shell: Mapping[str, str], *words: str) -> Any:
    """What the AWS CLI answers, read as JSON."""
    assert AWS.exists(), "the AWS CLI of these tests is missing: `make test` installs it"
    output = run([str(AWS), *words, "--output", "json"], shell)
    return json.loads(output) if output.strip() else None


def test_env_prints_what_tools_read_and_nothing_else(moorage: Place, shell: Mapping[str, str]) -> None:
    assert {name: value for name, value in shell.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": moorage.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def test_the_aws_cli_reads_ecs_and_waits(shell: Mapping[str, str]) -> None:
    aws(shell, "ecs", "wait", "services-stable", "--cluster", "demo", "--services", "server")
    assert aws(shell, "ecs", "list-clusters")["clusterArns"] == ["arn:aws:ecs:us-east-1:000000000000:cluster/demo"]
    (service,) = aws(shell, "ecs", "describe-services", "--cluster", "demo", "--services", "server")["services"]
    assert service["runningCount"] == 1
    assert service["deployments"][0]["serviceConnectConfiguration"]["enabled"]


def test_the_aws_cli_changes_a_service(moorage: Place, shell: Mapping[str, str]) -> None:
    changed = aws(shell, "ecs", "update-service", "--cluster", "demo", "--service", "server", "--desired-count", "2")
    assert changed["service"]["desiredCount"] == 2
    moorage.stable("server")


def test_the_aws_cli_discovers_instances(moorage: Place, shell: Mapping[str, str]) -> None:
    moorage.stable("server")
    words = ["--namespace-name", "mesh.local", "--service-name", "server"]

    def found() -> set[str]:
        instances = aws(shell, "servicediscovery", "discover-instances", *words)["Instances"]
        return {instance["InstanceId"][:12] for instance in instances}

    # The registry follows the tasks a moment after them, as Cloud Map's data plane does.
    moorage.until(lambda: found() == moorage.ids("server"), "the registry holds the server's tasks")


def test_the_aws_cli_creates_and_deletes_a_stack(shell: Mapping[str, str], tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    aws(shell, "cloudformation", "create-stack", "--stack-name", "tools", "--template-body", f"file://{template}")
    aws(shell, "cloudformation", "wait", "stack-create-complete", "--stack-name", "tools")
    (stack,) = aws(shell, "cloudformation", "describe-stacks", "--stack-name", "tools")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"].startswith("ns-")
    events = aws(shell, "cloudformation", "describe-stack-events", "--stack-name", "tools")["StackEvents"]
    assert events[0]["ResourceStatus"] == "CREATE_COMPLETE"
    aws(shell, "cloudformation", "delete-stack", "--stack-name", "tools")
    aws(shell, "cloudformation", "wait", "stack-delete-complete", "--stack-name", "tools")


def test_the_aws_cli_deploys_a_template_that_it_puts_into_s3(shell: Mapping[str, str], tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE.replace("tools.local", "deployed.local"))
    run([str(AWS), "s3", "mb", "s3://templates"], shell)
    deploy = [str(AWS), "cloudformation", "deploy", "--stack-name", "deployed", "--template-file", str(template)]
    deploy += ["--s3-bucket", "templates", "--force-upload", "--no-fail-on-empty-changeset"]
    # Executed apart from it: `deploy` itself looks at a stack every 30 s only.
    told = run([*deploy, "--no-execute-changeset"], shell)
    change_set = told.split()[-1]
    assert change_set.startswith("arn:aws:cloudformation:us-east-1:000000000000:changeSet/awscli-cloudformation-")
    aws(shell, "cloudformation", "execute-change-set", "--change-set-name", change_set)
    aws(shell, "cloudformation", "wait", "stack-create-complete", "--stack-name", "deployed")
    names = {one["Name"] for one in aws(shell, "servicediscovery", "list-namespaces")["Namespaces"]}
    assert "deployed.local" in names
    assert "No changes to deploy" in run(deploy, shell)


def test_the_aws_cli_says_who_it_is(shell: Mapping[str, str]) -> None:
    assert aws(shell, "sts", "get-caller-identity")["Account"] == "000000000000"


def test_the_aws_cli_keeps_parameters_and_log_groups(shell: Mapping[str, str]) -> None:
    aws(shell, "ssm", "put-parameter", "--name", "/tools/colour", "--type", "String", "--value", "blue")
    assert aws(shell, "ssm", "get-parameter", "--name", "/tools/colour")["Parameter"]["Value"] == "blue"
    aws(shell, "logs", "create-log-group", "--log-group-name", "/tools")
    groups = aws(shell, "logs", "describe-log-groups", "--log-group-name-prefix", "/tools")["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/tools"]


SCRIPT = """
import boto3, json
ecs = boto3.client("ecs")
ecs.get_waiter("services_stable").wait(cluster="demo", services=["server"])
found = boto3.client("servicediscovery").discover_instances(NamespaceName="mesh.local", ServiceName="server")
subnets = boto3.client("ec2").describe_subnets()["Subnets"]
print(json.dumps({"instances": len(found["Instances"]), "zones": sorted(s["AvailabilityZone"] for s in subnets)}))
"""


def test_boto3_needs_no_argument(moorage: Place, shell: Mapping[str, str]) -> None:
    moorage.stable("server")
    found = json.loads(run([sys.executable, "-c", SCRIPT], shell))
    assert found["instances"] == moorage.service("server")["runningCount"]
    assert "us-east-1a" in found["zones"]


def test_moorage_check_knows_this_aws_cli(moorage: Place, shell: Mapping[str, str]) -> None:
    path = f"{AWS.parent}:{shell['PATH']}"
    more = {"PATH": path, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "moorage", "check"], env={**shell, **more}, capture_output=True, text=True, check=False
    )
    assert "knows AWS_ENDPOINT_URL" in done.stdout
