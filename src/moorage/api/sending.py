"""Writes a Response to the server: whole, or chunk by chunk until it ends or the client is gone.

What the answer is, and in which protocol, was decided before.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive, Send

from moorage.wire.message import Response


async def send(send: Send, receive: Receive, response: Response) -> None:
    """Write `response`. `receive` tells of a client that leaves before an answer without an end has ended."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if response.chunks is None and all(name.lower() != b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(response.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    goes_on = response.chunks is not None
    await send({"type": "http.response.body", "body": response.body, "more_body": goes_on})
    if response.chunks is not None:
        await _follow(send, receive, response.chunks)


async def _follow(send: Send, receive: Receive, chunks: AsyncIterator[bytes]) -> None:
    flow = asyncio.create_task(_flow(send, chunks))
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({flow, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        flow.cancel()
        leaving.cancel()
        done = await asyncio.gather(flow, leaving, return_exceptions=True)
    if isinstance(done[0], Exception):
        raise done[0]


async def _flow(send: Send, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
