"""The tunnel into a task: a WebSocket whose binary messages are the bytes of one TCP connection made inside the task.

`/_moorage/dial/<task>?port=P` reaches 127.0.0.1:P of the task; with `host=H` it connects as a program of the task
would, through its hosts file and its proxy. The text message "end" says that a side sends no more; closing ends both.
"""

import asyncio
import socket
from contextlib import suppress

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from moorage.engine.ports import Runtime, RuntimeFailed

END = "end"
CHUNK = 65536


class Tunnel:
    """Serves the WebSocket route."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def serve(self, websocket: WebSocket) -> None:
        """Dial first and accept afterwards, so that a caller gets the reason as an HTTP answer."""
        port = websocket.query_params.get("port", "")
        if not port.isdigit() or not 1 <= int(port) <= 65535:
            await _refuse(websocket, 400, f"{port!r} is not a port.", "")
            return
        try:
            connection = await self._dial(websocket, int(port))
        except RuntimeFailed as error:
            await _refuse(websocket, 409, error.reason, type(error).__name__)
            return
        await websocket.accept()
        await _carry(websocket, connection)

    async def _dial(self, websocket: WebSocket, port: int) -> socket.socket:
        task = websocket.path_params["task"]
        host = websocket.query_params.get("host")
        if host:
            return await self._runtime.resolve_and_dial(task, host, port)
        return await self._runtime.dial(task, port)


async def _refuse(websocket: WebSocket, status: int, sentence: str, kind: str) -> None:
    """`kind` is the name of the runtime's refusal, for programs that tell one from another."""
    await websocket.send_denial_response(JSONResponse({"message": sentence, "kind": kind}, status))


async def _carry(websocket: WebSocket, connection: socket.socket) -> None:
    """Both ways until both have ended, or one has broken."""
    reader, writer = await asyncio.open_connection(sock=connection)
    ended = asyncio.Event()
    inbound = asyncio.create_task(_inbound(websocket, writer, ended))
    outbound = asyncio.create_task(_outbound(reader, websocket, ended))
    try:
        done, _ = await asyncio.wait({inbound, outbound}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.exception()  # a way that broke is a way that ended
        with suppress(RuntimeError, WebSocketDisconnect):  # the caller has closed already
            await websocket.close()
    finally:
        inbound.cancel()
        outbound.cancel()
        writer.close()


async def _inbound(websocket: WebSocket, writer: asyncio.StreamWriter, ended: asyncio.Event) -> None:
    """Goes on reading after the caller's end: only so is it noticed that the caller is gone."""
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        if message.get("bytes"):
            writer.write(message["bytes"])
            await writer.drain()
        elif message.get("text") == END:
            writer.write_eof()
            ended.set()


async def _outbound(reader: asyncio.StreamReader, websocket: WebSocket, ended: asyncio.Event) -> None:
    while chunk := await reader.read(CHUNK):
        await websocket.send_bytes(chunk)
    await websocket.send_text(END)
    await ended.wait()
