"""A server of the real endpoint over the memory store, and a botocore client for an account of the test's own."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

import ec2
from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Put, Write
from moorage.domain.world import World
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

REGION = "us-east-1"
_session = boto3.Session()
"""One session, so that the service models are read once."""
_accounts = itertools.count(100_000_000_001)


@dataclass
class Server:
    """The endpoint in a thread of its own."""

    store: MemoryStore
    loop: asyncio.AbstractEventLoop
    port: int


@dataclass
class Account:
    """One test's view of the endpoint: an account that nothing else uses."""

    id: str
    server: Server

    def client(self, service: str, region: str = REGION) -> Any:
        return _session.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            aws_access_key_id=self.id,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def world(self) -> World:
        return self.server.store.snapshot()

    def write_records(self, *records: Any) -> None:
        """Put records as the engine would."""
        self.write(*(Put(record) for record in records))

    def write(self, *writes: Write) -> None:
        done = asyncio.run_coroutine_threadsafe(self.server.store.commit(writes, {}), self.server.loop)
        done.result(10)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    store = MemoryStore()
    dispatcher = Dispatcher(operations.table(), store, SystemClock(), SystemIds(), ec2.forward)
    app = App(dispatcher, Endpoint(version="test"))
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", loop="asyncio"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(running.serve([listening])), daemon=True)
    thread.start()
    yield Server(store, loop, listening.getsockname()[1])
    running.should_exit = True
    thread.join(20)
    loop.close()
    listening.close()


@pytest.fixture
def account(server: Server) -> Account:
    return Account(str(next(_accounts)), server)


@pytest.fixture
def ecs(account: Account) -> Any:
    return account.client("ecs")


@pytest.fixture
def refusal() -> Callable[..., tuple[str, str]]:
    """Call an operation that must be refused; its code and message."""

    def call(operation: Callable[..., Any], *positional: Any, **arguments: Any) -> tuple[str, str]:
        try:
            operation(*positional, **arguments)
        except Exception as error:
            response = getattr(error, "response", None)
            if response is None:
                raise
            return response["Error"]["Code"], response["Error"]["Message"]
        raise AssertionError(f"{operation.__name__} was not refused")

    return call


@pytest.fixture
def network() -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


@pytest.fixture
def definition() -> Callable[..., dict[str, Any]]:
    """A small Fargate task definition with a named port; members given replace those of its document or container."""

    def make(family: str = "api", container: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
        port = {"name": "http", "containerPort": 8080, "appProtocol": "http"}
        app = {"name": "app", "image": "app", "portMappings": [port], **(container or {})}
        document = {
            "family": family,
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [app],
            **members,
        }
        return {name: value for name, value in document.items() if value is not None}

    return make


@pytest.fixture
def demo(ecs: Any, definition: Callable[..., dict[str, Any]]) -> Any:
    """A cluster `demo` with a default namespace `demo.local`, and the task definition `api`."""
    ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "demo.local"})
    ecs.register_task_definition(**definition())
    return ecs


@pytest.fixture
def create(demo: Any, network: dict[str, Any]) -> Callable[..., Any]:
    """CreateService in `demo`, on Fargate, with what is given on top."""

    def make(name: str = "api", connect: dict[str, Any] | None = None, **members: Any) -> Any:
        arguments = {
            "cluster": "demo",
            "serviceName": name,
            "taskDefinition": "api",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": network,
            **members,
        }
        if connect is not None:
            arguments["serviceConnectConfiguration"] = connect
        return demo.create_service(**arguments)["service"]

    return make


@pytest.fixture
def exposing() -> Callable[..., dict[str, Any]]:
    """A Service Connect configuration that exposes the port `http`."""

    def make(port: int = 80, **members: Any) -> dict[str, Any]:
        alias: dict[str, Any] = {"port": port}
        if "dns" in members:
            alias["dnsName"] = members.pop("dns")
        service = {"portName": "http", "clientAliases": [alias], **members}
        return {"enabled": True, "services": [service]}

    return make
