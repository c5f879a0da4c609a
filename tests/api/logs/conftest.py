"""CloudWatch Logs behind the real endpoint, asked by boto3; the clock is the test's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from moorage.api import logs
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.api.support_table import SupportTable
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.system import SystemIds


class SetClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    @property
    def milliseconds(self) -> int:
        return int(self.at.timestamp() * 1000)

    def move(self, **time: int) -> None:
        self.at += timedelta(**time)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[SqliteLogEvents]:
    archive = SqliteLogEvents(tmp_path)
    try:
        yield archive
    finally:
        await archive.close()


@pytest.fixture
async def client(clock: SetClock, archive: SqliteLogEvents) -> AsyncIterator[Any]:
    """A boto3 client, to be used in threads: the endpoint runs in this loop."""
    table = SupportTable({"logs": logs.operations(archive)})
    app = App(Dispatcher(table, MemoryStore(), clock, SystemIds()), Endpoint("test"))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    client = boto3.client(
        "logs",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{listener.getsockname()[1]}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )
    try:
        yield client
    finally:
        server.should_exit = True
        await task
        listener.close()
        client.close()


@pytest.fixture
def call(client: Any) -> Callable[..., Any]:
    """`await call("create_log_group", logGroupName="g")`: an operation of a boto3 client, its answer as a dict."""

    async def ask(operation: str, **arguments: Any) -> Any:
        answer = await asyncio.to_thread(getattr(client, operation), **arguments)
        answer.pop("ResponseMetadata")
        return answer

    return ask
