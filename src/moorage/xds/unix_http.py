"""HTTP/1.1 to a server on a Unix socket, as an Envoy's admin interface is: one connection, one question at a time.

A client library costs several times what the answer does, and the daemon asks every proxy of the machine (measured:
docs/decisions/0184). What is asked, and what an answer means, is the caller's affair.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httptools

_CHUNK = 1 << 16
_FAILURES = (OSError, EOFError, TimeoutError, httptools.HttpParserError)


class Conversation:
    """A connection that is open. Not for several askers at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience

    async def ask(self, method: str, target: str) -> str | None:
        """The body of a successful answer; None for any other, and when there is none within the time."""
        try:
            async with asyncio.timeout(self._patience):
                return await self._answer(method, target)
        except _FAILURES:
            return None

    async def _answer(self, method: str, target: str) -> str | None:
        length = "content-length: 0\r\n" if method == "POST" else ""
        self._writer.write(f"{method} {target} HTTP/1.1\r\nhost: envoy\r\n{length}\r\n".encode("ascii"))
        await self._writer.drain()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            data = await self._reader.read(_CHUNK)
            if not data:
                raise EOFError(f"the answer to {target} ended early")
            parser.feed_data(data)
        good = 200 <= parser.get_status_code() < 300
        return b"".join(answer.body).decode() if good else None


class _Answer:
    """What the parser finds."""

    def __init__(self) -> None:
        self.body: list[bytes] = []
        self.complete = False

    def on_body(self, part: bytes) -> None:
        self.body.append(part)

    def on_message_complete(self) -> None:
        self.complete = True


@asynccontextmanager
async def conversation(socket: Path, patience: float) -> AsyncIterator[Conversation | None]:
    """A connection to the server at `socket`, closed at the end; None when nobody answers within `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_unix_connection(socket)
    except _FAILURES:
        yield None
        return
    try:
        yield Conversation(reader, writer, patience)
    finally:
        writer.close()
