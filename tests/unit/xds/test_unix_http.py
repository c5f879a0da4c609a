"""HTTP to a Unix socket: whole answers come back, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from moorage.xds.unix_http import conversation

PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nLIVE"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nLI\r\n2\r\nVE\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nLIVE"


@asynccontextmanager
async def answering(socket: Path, *answers: bytes) -> AsyncIterator[list[bytes]]:
    """A server that gives one answer to each request and then says no more; what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            for byte in answer:
                writer.write(bytes([byte]))
            await writer.drain()
        if not answers[-1]:
            await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(serve, socket)
    try:
        yield asked
    finally:
        server.close()


async def ask(socket: Path, method: str = "GET", patience: float = 10) -> str | None:
    async with conversation(socket, patience) as envoy:
        assert envoy is not None
        return await envoy.ask(method, "/ready")


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["length", "chunks"])
async def test_a_whole_answer_comes_back_however_it_is_cut(tmp_path: Path, answer: bytes) -> None:
    async with answering(tmp_path / "s", answer) as asked:
        assert await ask(tmp_path / "s") == "LIVE"
    assert asked == [b"GET /ready HTTP/1.1\r\nhost: envoy\r\n\r\n"]


@pytest.mark.parametrize(
    "answer", [REFUSED, PLAIN[:-2], b"no HTTP at all\r\n\r\n"], ids=["refused", "ended early", "nonsense"]
)
async def test_nothing_else_is_an_answer(tmp_path: Path, answer: bytes) -> None:
    async with answering(tmp_path / "s", answer):
        assert await ask(tmp_path / "s") is None


async def test_one_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", b""):
        assert await ask(tmp_path / "s", patience=0.05) is None


async def test_several_questions_go_over_one_connection(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", PLAIN, CHUNKED) as asked, conversation(tmp_path / "s", 10) as envoy:
        assert envoy is not None
        assert [await envoy.ask("GET", "/ready"), await envoy.ask("POST", "/drain_listeners")] == ["LIVE", "LIVE"]
    assert b"content-length: 0" in asked[1]


async def test_where_nobody_listens_there_is_no_conversation(tmp_path: Path) -> None:
    async with conversation(tmp_path / "s", 1) as envoy:
        assert envoy is None
