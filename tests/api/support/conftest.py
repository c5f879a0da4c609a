"""The endpoint with a real support process behind it, and boto3 clients that ask it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import SupportTable
from moorage.support import operations
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds

Client = Callable[..., Any]


class NoStore:
    """The supporting services keep nothing in the store."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the store was asked for {name}")


@pytest.fixture
async def support(tmp_path: Path) -> AsyncIterator[SupportProcess]:
    process = SupportProcess(tmp_path / "data", tmp_path / "s" / "support.sock", SystemIds())
    try:
        yield process
    finally:
        await process.close()


@contextlib.asynccontextmanager
async def serving(support: SupportProcess) -> AsyncIterator[Client]:
    table = SupportTable({}, supporting=operations.SERVICES)
    app = App(Dispatcher(table, NoStore(), SystemClock(), SystemIds(), forward=support.forward), Endpoint("test"))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield clients(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        await task
        listener.close()


def clients(url: str) -> Client:
    def make(service: str, region: str = "us-east-1", account: str = "test") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make


@pytest.fixture(scope="session")
def serve() -> Callable[[SupportProcess], contextlib.AbstractAsyncContextManager[Client]]:
    """Puts the endpoint in front of a support process and gives boto3 clients for it."""
    return serving


@pytest.fixture
async def client(support: SupportProcess) -> AsyncIterator[Client]:
    async with serving(support) as make:
        yield make
