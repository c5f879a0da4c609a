"""A Moorage of a test's own: a daemon with its own port and data, AWS clients, and a look at what it leaves behind.

Everything goes through the front door: the command line, boto3, and requests from inside a task.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(__file__).parent / "images"


@dataclass
class Place:
    """A running daemon. `run` is its command line, `ecs` and `cloudmap` are boto3 clients."""

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
        self.run("stop", "--port", str(self.port))
        if self.process is not None:
            self.process.wait(20)

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
                config=_no_prefix(),
            )
        return self.clients[name]

    @property
    def ecs(self) -> Any:
        return self.client("ecs")

    def until(self, fact: Callable[[], Any], what: str, within: float = 30) -> Any:
        """Ask for `fact` until it is true; fail with the daemon's log when it does not become so."""
        end = time.monotonic() + within
        while not (found := fact()):
            assert time.monotonic() < end, f"not so within {within} s: {what}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.05)
        return found

    # --- what a test needs of ECS ---

    def subnet(self) -> str:
        found: str = self.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        return found

    def define(self, family: str, *ports: dict[str, Any], image: str = "probe", **container: Any) -> str:
        """Register a task definition with one container."""
        body = {"name": "app", "image": image, "essential": True, "portMappings": list(ports), **container}
        made = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[body],
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
            taskDefinition=name,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [self.subnet()]}},
            **more,
        )

    def service(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster="demo", services=[name])["services"][0]
        return found

    def stable(self, *names: str, within: float = 40) -> None:
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
        arns = self.ecs.list_tasks(cluster="demo", serviceName=name, desiredStatus=status)["taskArns"]
        return self.ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"] if arns else []

    # --- what a task sees ---

    def ask(self, service: str, path: str, timeout: float = 60) -> str:
        """Ask the probe in a task of the service, on its own port, from inside its own namespace."""
        return self.run("curl", service, "-s", f"http://127.0.0.1:5000{path}", timeout=timeout).stdout

    def through(self, service: str, url: str) -> tuple[int, str]:
        """A request from inside a task of the service; its status and its body."""
        done = self.run("curl", service, "-s", "-w", "\n%{http_code}", url, check=False)
        body, _, status = done.stdout.rstrip("\n").rpartition("\n")
        return (int(status) if status.isdigit() else 0), body if status.isdigit() else done.stderr

    def load(self, service: str, url: str, clients: int, seconds: float) -> dict[str, dict[str, int]]:
        """Closed-loop load from inside a task of the service."""
        path = f"/load?url={quote(url, safe='')}&clients={clients}&seconds={seconds}"
        found: dict[str, dict[str, int]] = json.loads(self.ask(service, path, timeout=seconds + 60))
        return found

    def resolves(self, service: str, name: str) -> bool:
        return "addresses" in json.loads(self.ask(service, f"/resolve?name={name}"))


def _no_prefix() -> Any:
    from botocore.config import Config

    return Config(inject_host_prefix=False, retries={"total_max_attempts": 1})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def place(directory: Path) -> Iterator[Place]:
    """A daemon in `directory`; on the way out it is stopped, whatever happened."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOORAGE_"))},
        "PYTHONPATH": str(ROOT / "src"),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "HOME": str(directory),
    }
    made = Place(port, directory / "data", directory / "log", environment)
    made.start()
    try:
        made.run("image", "add", "probe", str(IMAGES / "probe"))
        yield made
    finally:
        made.stop()
