"""A Moorage of a test's own: a daemon with its own port and data, AWS clients, and a way into its tasks.

Everything goes through the front door: the command line, boto3, and requests from inside a task.
"""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import inside
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(__file__).parent / "images"
VENDORED = ("h2", "hpack", "hyperframe")
"""Pure Python, so that the probe's image can hold them as files: HTTP/2 for both of its ends."""


@dataclass
class Place:
    """A running daemon. `run` is its command line, `ecs` a boto3 client."""

    port: int
    data: Path
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the daemon in the foreground and wait until it answers."""
        command = [sys.executable, "-m", "moorage", "start", "--port", str(self.port), "--data-dir", str(self.data)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=dict(self.environment), stdout=log, stderr=log, start_new_session=True
            )
        self.until(self.answers, "the daemon answers")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/_moorage/health", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """SIGKILL the daemon, and nothing else."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop the daemon and every task, as `moorage stop` does."""
        if self.process is not None and self.process.poll() is not None:
            self.start()
        done = self.run("stop", "--port", str(self.port), check=False)
        if self.process is not None:
            if done.returncode != 0:
                self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        assert done.returncode == 0, done.stderr
        index = json.loads((self.data / "images/index.json").read_text())["images"].values()
        kept = {image["digest"].removeprefix("sha256:") for image in index}
        assert {root.name for root in (self.data / "images/roots").iterdir()} == kept, "files of former images are left"

    def run(self, *arguments: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "moorage", *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def client(self, name: str) -> Any:
        if name not in self.clients:
            self.clients[name] = boto3.client(
                name,
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
            )
        return self.clients[name]

    @property
    def ecs(self) -> Any:
        return self.client("ecs")

    def until(self, fact: Callable[[], Any], what: str, within: float = 40) -> Any:
        """Ask for `fact` until it is true; fail with the daemon's log when it does not become so."""
        end = time.monotonic() + within
        while not (found := fact()):
            assert time.monotonic() < end, f"not so within {within} s: {what}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.05)
        return found

    # --- what a test needs of ECS ---

    def role(self, name: str) -> str:
        """A role that tasks may have; its ARN."""
        statement = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        arn: str = made["Role"]["Arn"]
        return arn

    @cached_property
    def subnet(self) -> str:
        found: str = self.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        return found

    def define(self, family: str, *ports: dict[str, Any], image: str = "probe", **container: Any) -> str:
        """Register a task definition with one container."""
        body = {"name": "app", "image": image, "essential": True, "portMappings": list(ports), **container}
        return self.register(family, body)

    def register(self, family: str, *containers: dict[str, Any]) -> str:
        made = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=list(containers),
        )
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def serve(self, name: str, count: int = 1, connect: dict[str, Any] | None = None, **more: Any) -> None:
        """Create a service of the task definition with its name."""
        if connect is not None:
            more["serviceConnectConfiguration"] = connect
        self.ecs.create_service(
            cluster="demo",
            serviceName=name,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [self.subnet]}},
            **{"taskDefinition": name, **more},
        )

    def start_task(self, family: str, **more: Any) -> str:
        """RunTask; the task's ARN."""
        made = self.ecs.run_task(
            cluster="demo",
            taskDefinition=family,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [self.subnet]}},
            **more,
        )
        assert made["failures"] == []
        arn: str = made["tasks"][0]["taskArn"]
        return arn

    def task(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(cluster="demo", tasks=[arn])["tasks"][0]
        return found

    def task_in(self, arn: str, status: str) -> dict[str, Any]:
        """The task once it has that status."""
        self.until(lambda: self.task(arn)["lastStatus"] == status, f"{arn} is {status}")
        return self.task(arn)

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster="demo", services=[name])["services"][0]
        return found

    def stable(self, *names: str, within: float = 60) -> None:
        """Wait until each service has one deployment, completed, with the count that it shall have."""

        def is_so() -> bool:
            found = self.ecs.describe_services(cluster="demo", services=list(names))["services"]
            return all(
                len(s["deployments"]) == 1
                and s["deployments"][0]["rolloutState"] == "COMPLETED"
                and s["runningCount"] == s["desiredCount"]
                for s in found
            )

        self.until(is_so, f"{names} are stable", within)

    def tasks(self, name: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        """The tasks of a service by their desired status."""
        arns = self.ecs.list_tasks(cluster="demo", serviceName=name, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"] if arns else []

    def ids(self, service: str) -> set[str]:
        """The host names of a service's tasks, by which the probe answers."""
        return {_id(task)[:12] for task in self.tasks(service)}

    # --- what a task sees ---

    def through(self, service: str, url: str, timeout: float = 30) -> inside.Answer:
        """A request from inside a running task of the service."""
        task = next(task for task in self.tasks(service) if task["lastStatus"] == "RUNNING")
        return inside.get(self.url, _id(task), url, timeout)

    def ask(self, service: str, path: str, **query: object) -> Any:
        """Ask the probe in a task of the service for something as JSON, once it listens."""
        text = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        url = f"http://127.0.0.1:5000{path}?{text}"
        # A client exposes nothing, so that its service is stable before its program listens.
        answer = self.until(lambda: self._heard(self.through(service, url)), "the probe answers")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    @staticmethod
    def _heard(answer: inside.Answer) -> inside.Answer | None:
        return None if answer.status == 0 and "Connection refused" in answer.body else answer

    def resolves(self, service: str, name: str) -> bool:
        return "addresses" in self.ask(service, "/resolve", name=name)

    @contextmanager
    def load(self, service: str, url: str, clients: int) -> Iterator[dict[str, Any]]:
        """Load that runs inside a task of the service while this is entered; afterwards the tally is filled in."""
        tally: dict[str, Any] = {}
        self.ask(service, "/load/start", url=url, clients=clients)
        self.flowing(service)
        yield tally
        self.flowing(service)
        tally.update(self.ask(service, "/load/stop"))

    @contextmanager
    def fire(self, service: str, host: str, seconds: float, ports: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """As `load`, with every kind of traffic: `ports` are PORT:CLIENTS by kind, streams live for `seconds`."""
        tally: dict[str, Any] = {}
        self.ask(service, "/fire/start", host=host, seconds=seconds, **ports)
        self.until(lambda: self.ask(service, "/fire/count") > 0, "every kind of traffic flows")
        yield tally
        tally.update(self.ask(service, "/fire/stop"))

    def flowing(self, service: str, more: int = 100) -> None:
        """Wait until that many requests more were answered to the load."""
        before = self.ask(service, "/load/count")
        self.until(lambda: self.ask(service, "/load/count") >= before + more, "the load goes on")


def _id(task: dict[str, Any]) -> str:
    identifier: str = task["taskArn"].rsplit("/", 1)[1]
    return identifier


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def probe_image(directory: Path) -> Path:
    """The probe's folder with the packages that it needs beside it."""
    made = directory / "images" / "probe"
    shutil.copytree(IMAGES / "probe", made, ignore=shutil.ignore_patterns("__pycache__"))
    for name in VENDORED:
        found = importlib.util.find_spec(name)
        assert found is not None and found.submodule_search_locations is not None
        shutil.copytree(
            found.submodule_search_locations[0], made / name, ignore=shutil.ignore_patterns("__pycache__", "*.so")
        )
    return made


@contextmanager
def place(directory: Path, **settings: str) -> Iterator[Place]:
    """A daemon in `directory`; on the way out it is stopped, whatever happened. `settings`: environment variables."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOORAGE_"))},
        "PYTHONPATH": str(ROOT / "src"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "HOME": str(directory),
        **settings,
    }
    made = Place(port, directory / "data", directory / "log", environment)
    try:
        made.start()
        made.run("image", "add", "probe", str(probe_image(directory)))
        yield made
    finally:
        made.stop()
