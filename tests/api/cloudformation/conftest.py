"""The endpoint with the engine's doer of stacks behind it, over the memory store, and Moto for EC2 and IAM.

Each test has an account of its own. Nothing runs tasks here: ECS services are asked for none, or are answered for by
the test, as the engine would.
"""

import asyncio
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

import ec2
from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.domain.changes import Key, Write
from moorage.domain.service import Service
from moorage.domain.stack import Stack
from moorage.domain.world import World as Records
from moorage.engine.loop import Loop, Wake
from moorage.engine.ports import Commit
from moorage.engine.queue import Queue
from moorage.engine.services import Services
from moorage.engine.stacks import Stacks
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.store.records import Codec
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds
from stack_world import World

REGION = "us-east-1"
_accounts = itertools.count(300_000_000_001)


@dataclass
class Server:
    """The endpoint and the loop of stacks in a thread of their own."""

    store: MemoryStore
    loop: asyncio.AbstractEventLoop
    port: int


@dataclass
class Account:
    """One test's view of the endpoint."""

    id: str
    server: Server

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            aws_access_key_id=self.id,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def world(self) -> Records:
        return self.server.store.snapshot()

    def write(self, *writes: Write) -> None:
        done = asyncio.run_coroutine_threadsafe(self.server.store.commit(writes, {}), self.server.loop)
        done.result(10)


class Deployment:
    """CloudFormation as its users drive it: hand in, wait, look."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def create(self, name: str, template: str, **arguments: Any) -> dict[str, Any]:
        self.client.create_stack(StackName=name, TemplateBody=template, **arguments)
        return self.settled(name)

    def update(self, name: str, template: str, **arguments: Any) -> dict[str, Any]:
        self.client.update_stack(StackName=name, TemplateBody=template, **arguments)
        return self.settled(name)

    def delete(self, name: str, **arguments: Any) -> dict[str, Any]:
        stack = self.client.describe_stacks(StackName=name)["Stacks"][0]
        self.client.delete_stack(StackName=name, **arguments)
        return self.settled(stack["StackId"])

    def settled(self, name: str) -> dict[str, Any]:
        """The stack once nothing is in progress any more."""
        for _ in range(400):
            stack = self.client.describe_stacks(StackName=name)["Stacks"][0]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack
            threading.Event().wait(0.05)
        raise AssertionError(f"{name} is still {stack['StackStatus']}: {self.story(name)}")

    def story(self, name: str) -> list[tuple[str, str, str]]:
        """Every event, oldest first: logical id, status, reason."""
        events = self.client.describe_stack_events(StackName=name)["StackEvents"]
        return [
            (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", ""))
            for one in reversed(events)
        ]

    def steps(self, name: str) -> list[str]:
        return [f"{logical_id} {status}" for logical_id, status, _ in self.story(name)]

    def resources(self, name: str) -> dict[str, dict[str, Any]]:
        found = self.client.describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one for one in found}


class Ending:
    """Lets services end, as the engine does; none is ever begun."""

    def __init__(self, store: MemoryStore, services: Services) -> None:
        self._store = store
        self._services = services

    async def reconcile(self, key: Key) -> Wake:
        service = self._store.snapshot().get(Service, key)
        return await self._services.reconcile(key) if service is not None and service.deleted_at else None


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    store = MemoryStore()
    clock, ids = SystemClock(), SystemIds()
    dispatcher = Dispatcher(operations.table(), store, clock, ids, ec2.forward)
    app = App(dispatcher, Endpoint(version="test"))
    listening = socket.create_server(("127.0.0.1", 0))
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", loop="asyncio"))
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        queue = Queue()
        ending = Ending(store, Services(store, clock, ids))
        stacks = Loop(queue, {"stacks": Stacks(store, dispatcher, clock, ids), "services": ending})
        codec = Codec()

        def committed(commit: Commit) -> None:
            for table, key in commit.touched:
                if table == Stack.table:
                    _storable(store.snapshot(), key, codec)
                    queue.add(("stacks", key))
                elif table == Service.table:
                    queue.add(("services", key))

        store.watch(committed)
        stacks.start()
        await running.serve([listening])
        await stacks.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    yield Server(store, loop, listening.getsockname()[1])
    running.should_exit = True
    thread.join(20)
    loop.close()
    listening.close()


def _storable(world: Records, key: Key, codec: Codec) -> None:
    """What the memory store takes, the database must take as well."""
    stack = world.get(Stack, key)
    if stack is not None:
        codec.encode(stack)


@pytest.fixture
def account(server: Server) -> Account:
    return Account(str(next(_accounts)), server)


@pytest.fixture
def stacks(account: Account) -> Deployment:
    return Deployment(account.client("cloudformation"))


@pytest.fixture
def refusal() -> Callable[..., tuple[str, str]]:
    """Call an operation that must be refused; its code and message."""

    def call(operation: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
        try:
            operation(**arguments)
        except Exception as error:
            response = getattr(error, "response", None)
            if response is None:
                raise
            return response["Error"]["Code"], response["Error"]["Message"]
        raise AssertionError(f"{operation.__name__} was not refused")

    return call


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """What outlives the daemons of a test: a store, and a support process."""
    store = MemoryStore()
    support = SupportProcess(tmp_path / "support", tmp_path / "s.sock", SystemIds())
    table = operations.table(SqliteLogEvents(tmp_path))
    try:
        yield World(Dispatcher(table, store, SystemClock(), SystemIds(), support.forward), store)
    finally:
        await support.close()
