"""An endpoint with its /_moorage routes over the memory store and the fake runtime, and a small scene in it.

The scene is made by the ECS operations; what the engine would do is written down: a running task for each service.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import uvicorn

import ec2
from moorage.api import local, operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Put
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import Instance
from moorage.domain.service import Service
from moorage.domain.task import ContainerState, Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import NameUnknown, NoAnswer, NotRunning
from moorage.planning.actions import ContainerSpec, HostsEntry, TaskSpec
from moorage.runtime.fake import Behaviour, FakeRuntime, by_image
from moorage.runtime.images import ImageCatalog
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

HOME = ("000000000000", "us-east-1")
PROXY = "ecs-service-connect-abcdef"
BEHAVIOURS = {
    "web": Behaviour(writes=(("stdout", "web says hello"), ("stderr", "web warns"))),
    "moorage/envoy": Behaviour(writes=(("stderr", "proxy says hello"),)),
}


class Answer(BaseHTTPRequestHandler):
    """Says back what it was asked."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        said = self.rfile.read(length).decode()
        headers = " ".join(f"{name}={value}" for name, value in sorted(self.headers.items()))
        status = 503 if self.path == "/sick" else 200
        body = f"{self.command} {self.path} {headers} {said}\n".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Answered", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def log_message(self, *_: Any) -> None:
        pass


class Reaching(FakeRuntime):
    """A fake runtime whose tasks reach one real server: by their own port 5000, and by the names they know."""

    def __init__(self, target: int) -> None:
        super().__init__(SystemClock(), by_image(BEHAVIOURS))
        self._target = target
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.killed: list[tuple[str, str, int]] = []

    async def dial(self, task_id: str, port: int) -> socket.socket:
        if port != 5000:
            raise NotRunning(f"nothing of the task {task_id} listens on port {port}")
        return self._connect()

    async def resolve_and_dial(self, task_id: str, host: str, port: int) -> socket.socket:
        if host == "silent.example":
            raise NoAnswer(f"nothing answers at {host}:{port} inside the task")
        if host not in self.hosts.get(task_id, ()):
            raise NameUnknown(f"{host}: Name or service not known")
        if port != 5000:
            raise NotRunning(f"nothing answers at {host}:{port} inside the task: Connection refused")
        return self._connect()

    async def signal(self, task_id: str, container: str, signal: int) -> None:
        self.killed.append((task_id, container, signal))
        await super().signal(task_id, container, signal)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._target))
        connection.setblocking(False)
        return connection


@dataclass
class Scene:
    """The running endpoint, and the ids of its tasks by service."""

    url: str
    store: MemoryStore
    runtime: Reaching
    loop: asyncio.AbstractEventLoop
    proxies: dict[str, dict[str, Any]] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return boto3.client(
            service, region_name="us-east-1", endpoint_url=self.url, aws_access_key_id="t", aws_secret_access_key="t"
        )

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(f"{self.url}/_moorage/{path}", params=query, trust_env=False)

    def wait(self, service: str, reason: str) -> None:
        """Let the service's task wait for something."""
        (state,) = [s for s in self.store.snapshot().all(TaskState) if s.id == self.tasks[service]]
        self.run(self.store.commit([Put(replace(state, waiting=reason, waiting_since=datetime.now(UTC)))], {}))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        answering = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        answering.start()
        try:
            yield from _serve(tmp_path, monkeypatch, Reaching(server.server_port))
        finally:
            server.shutdown()
            answering.join(20)


def _serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Reaching) -> Iterator[Scene]:
    store = MemoryStore()
    listener = socket.create_server(("127.0.0.1", 0))
    scene = Scene(f"http://127.0.0.1:{listener.getsockname()[1]}", store, runtime, asyncio.new_event_loop())
    images = ImageCatalog(tmp_path / "images")
    dispatcher = Dispatcher(operations.table(), store, SystemClock(), SystemIds(), ec2.forward)
    app = App(dispatcher, Endpoint("9.9", mounts=local.mounts(_doors(scene, images))))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=lambda: scene.loop.run_until_complete(server.serve(sockets=[listener])))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", scene.url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    try:
        yield scene
    finally:
        server.should_exit = True
        thread.join(20)
        scene.loop.close()
        listener.close()


def _doors(scene: Scene, images: ImageCatalog) -> local.Doors:
    async def checks() -> list[local.Check]:
        return [local.Check("namespaces", "ok", "can be made"), local.Check("outbound", "warning", "install pasta")]

    async def answers(task: str) -> bool:
        return task not in scene.hanging

    def noted(name: str) -> Callable[[], Any]:
        async def act() -> None:
            scene.calls.append(name)

        return act

    return local.Doors(
        store=scene.store,
        runtime=scene.runtime,
        images=images,
        checks=checks,
        explain=scene.proxies.get,
        answers=answers,
        reset=noted("reset"),
        stop=noted("stop"),
        version="9.9",
        facts={"runtime": "fake", "pid": 1},
    )


@pytest.fixture
def shop(scene: Scene) -> Scene:
    """A cluster with `early`, then `server`, then `client`: early does not see the server's endpoint."""
    ecs = scene.client("ecs")
    ecs.create_cluster(clusterName="shop", serviceConnectDefaults={"namespace": "hello.local"})
    ports = [{"name": "web", "containerPort": 5000, "appProtocol": "http"}]
    ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "web", "essential": True, "portMappings": ports}],
    )
    exposed = [{"portName": "web", "clientAliases": [{"port": 5000, "dnsName": "server.hello.local"}]}]
    for name, services in (("early", []), ("server", exposed), ("client", [])):
        ecs.create_service(
            cluster="shop",
            serviceName=name,
            taskDefinition="web",
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            serviceConnectConfiguration={"enabled": True, **({"services": services} if services else {})},
        )
        scene.tasks[name] = scene.run(_run_task(scene, name))
    scene.runtime.hosts[scene.tasks["client"]] = ("server.hello.local",)
    return scene


async def _run_task(scene: Scene, name: str) -> str:
    """What the engine does: a task that runs, and for the server its instance."""
    world = scene.store.snapshot()
    service = world.get(Service, (*HOME, "shop", name))
    definition = next(iter(world.all(TaskDefinition)))
    assert service is not None
    task_id = SystemIds().hex32()
    now = datetime.now(UTC)
    task = Task(
        *HOME,
        "shop",
        task_id,
        now,
        definition.key,
        f"service:{name}",
        "FARGATE",
        service=name,
        deployment_id=service.deployment_id,
        started_by=service.deployment_id,
    )
    address = await scene.runtime.prepare(TaskSpec(task_id, name, (HostsEntry("127.255.0.1", "server.hello.local"),)))
    for container, image in ((PROXY, "moorage/envoy"), ("app", "web")):
        await scene.runtime.start(ContainerSpec(task_id, container, image))
    containers = tuple(ContainerState(container, "RUNNING", started_at=now) for container in (PROXY, "app"))
    state = TaskState(
        *HOME, "shop", task_id, Status.RUNNING, address=address, containers=containers, health="HEALTHY", started_at=now
    )
    endpoints = world.linked(ConnectEndpoint, "service", service.key)
    instances = [Instance(*HOME, e.registry_service_id, task_id, {}, now, task_id=task_id) for e in endpoints]
    await scene.store.commit([Put(task), Put(state), *(Put(instance) for instance in instances)], {})
    return task_id
