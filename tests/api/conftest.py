"""The endpoint in a thread of its own, over the memory store, for tests that call it as clients do."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import boto3
import httpx
import pytest
import uvicorn
from botocore.config import Config
from botocore.model import OperationModel, Shape

from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Call, Dispatcher, Outcome
from moorage.api.support_table import SupportTable
from moorage.domain.changes import Write
from moorage.domain.world import World
from moorage.engine.ports import Store
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds

ACCOUNT = "123456789012"
SESSION = boto3.Session()
"""One for all clients: a session of its own would load the models again."""


class Checking(Dispatcher):
    """A dispatcher that holds every answer against the model: botocore drops what it does not know in silence."""

    async def perform(self, call: Call, parse: Callable[[OperationModel], Any], store: Store | None = None) -> Outcome:
        outcome = await super().perform(call, parse, store)
        shape = outcome.model.output_shape
        assert shape is not None or outcome.output == {}, f"{call.operation} has no output"
        wrong = [] if shape is None else list(misfits(shape, outcome.output, call.operation))
        assert wrong == []
        return outcome


KINDS: dict[str, type[Any] | tuple[type[Any], ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "float": (int, float),
    "boolean": bool,
    "timestamp": datetime,
    "blob": bytes,
}


def misfits(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Where a value is not what the shape says: unknown members, wrong types, None."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            if name in shape.members:
                yield from misfits(shape.members[name], inner, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not in the model"
    elif shape.type_name == "list" and isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from misfits(shape.member, inner, f"{path}[{number}]")
    elif shape.type_name == "map" and isinstance(value, Mapping):
        for key, inner in value.items():
            yield from misfits(shape.value, inner, f"{path}[{key}]")
    elif not isinstance(value, KINDS.get(shape.type_name, ())):
        yield f"{path} is {value!r} and not a {shape.type_name}"


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
            dispatcher = Checking(table or operations.table(), store, clock or SystemClock(), SystemIds(), forward)
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
