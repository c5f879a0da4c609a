"""The endpoint in a thread of its own, over the memory store, for tests that call it as clients do."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pytest
import uvicorn
from botocore.config import Config

from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import SupportTable
from moorage.domain.changes import Write
from moorage.domain.world import World
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT = "123456789012"
SESSION = boto3.Session()
"""One for all clients: a session of its own would load the models again."""


@dataclass
class Served:
    """A running endpoint."""

    port: int
    store: MemoryStore
    loop: asyncio.AbstractEventLoop
    dispatcher: Dispatcher

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, region: str = "eu-west-1", account: str = ACCOUNT, secret: str = "test") -> Any:
        return SESSION.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=account,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        )

    def post(self, **arguments: Any) -> httpx.Response:
        return httpx.post(self.url + "/", timeout=30, **arguments)

    def world(self) -> World:
        return self.store.snapshot()

    def write(self, *writes: Write) -> None:
        """Commit as the engine would."""
        asyncio.run_coroutine_threadsafe(self.store.commit(writes, {}), self.loop).result(10)


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Start an endpoint: with the whole support table and the defaults, unless told otherwise."""
    with ExitStack() as stack:

        def start(
            table: SupportTable | None = None, endpoint: Endpoint | None = None, forward: Any = None, clock: Any = None
        ) -> Served:
            store = MemoryStore()
            dispatcher = Dispatcher(table or operations.table(), store, clock or SystemClock(), SystemIds(), forward)
            app = App(dispatcher, endpoint or Endpoint("test"))
            return stack.enter_context(running(app, store, dispatcher))

        yield start


@contextmanager
def running(app: App, store: MemoryStore, dispatcher: Dispatcher) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio does so itself only where a socket names its protocol; without it every answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", loop="asyncio"))
    loops: list[asyncio.AbstractEventLoop] = []
    ready = threading.Event()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()
        await server.serve(sockets=[listener])
        await dispatcher.settle()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(20)
        yield Served(listener.getsockname()[1], store, loops[0], dispatcher)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="session")
def refused() -> Callable[..., tuple[str, str, int]]:
    """Call an operation that must be refused: its code, message and HTTP status."""

    def call(operation: Callable[..., Any], **arguments: Any) -> tuple[str, str, int]:
        try:
            operation(**arguments)
        except Exception as error:
            response = getattr(error, "response", None)
            if response is None:
                raise
            return (
                response["Error"]["Code"],
                response["Error"].get("Message", ""),
                response["ResponseMetadata"]["HTTPStatusCode"],
            )
        raise AssertionError(f"{operation.__name__} was not refused")

    return call
