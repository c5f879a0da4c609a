"""The gRPC side of one proxy: a server on its own Unix socket, which carries one `DeltaStream` at a time.

A server per task costs 0.2 ms and 14 KB (docs/decisions/0104) and makes the socket say who is calling; the node id must
agree. What is sent is `stream`'s to decide.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import grpc
import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from moorage.xds.proxy import Proxy
from moorage.xds.stream import DeltaStream, UnknownType

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD = "DeltaAggregatedResources"
Request = discovery_pb2.DeltaDiscoveryRequest
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    # A proxy asks every 30 s whether this end lives (mesh/bootstrap). gRPC takes three such questions without data
    # for an attack and ends the connection: a proxy at rest would begin anew every two minutes.
    ("grpc.http2.max_ping_strikes", 0),
)

log = logging.getLogger(__name__)


async def listen(path: str, proxy: Proxy, nudge: Callable[[str], None]) -> Any:
    """Serve one proxy on a Unix socket; returns the started gRPC server."""
    return await serve(path, {proxy.task_id: proxy}, nudge)


async def serve(path: str, proxies: Mapping[str, Proxy], nudge: Callable[[str], None]) -> Any:
    """Serve these proxies, by task id, on a Unix socket; returns the started gRPC server.

    In production a socket has one proxy (docs/decisions/0104): more say who they are and are believed.
    """
    _hold_runtime()

    async def converse(_requests: Any, context: Any) -> None:
        raw = await context.read()
        if raw is grpc.aio.EOF:
            return
        first = Request.FromString(raw)
        proxy = proxies.get(first.node.id)
        if proxy is None:
            reason = f"this socket belongs to task {', '.join(proxies)}, not to node {first.node.id!r}"
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)
        else:
            await _Conversation(proxy, nudge, context).run(raw)

    handler = grpc.stream_stream_rpc_method_handler(converse)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    return server


@cache
def _hold_runtime() -> None:
    """Keep gRPC's asyncio runtime for the life of the process.

    Without this it ends with its last server and waits for its polling thread there: on the event loop, or within a
    garbage collection, from which it was once seen never to return.
    """
    grpc.aio.init_grpc_aio()


class _Conversation:
    """Reads requests in the caller's task and writes from a task of its own, so that a slow proxy blocks nobody."""

    __slots__ = ("_context", "_loop", "_nudge", "_proxy")

    def __init__(self, proxy: Proxy, nudge: Callable[[str], None], context: Any) -> None:
        self._proxy = proxy
        self._nudge = nudge
        self._context = context
        self._loop = asyncio.get_running_loop()

    async def run(self, first: bytes) -> None:
        stream = self._proxy.connect()
        # Whichever ends first ends the stream, with its fault if it had one: a proxy then connects again.
        both = (asyncio.create_task(self._read(stream, first)), asyncio.create_task(self._write(stream)))
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        except UnknownType as unknown:
            await self._context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(unknown))
        finally:
            for task in both:
                task.cancel()
            # Before anything is waited for: gRPC may cancel this once more, and then nobody would hear that it left.
            self._proxy.disconnect(stream)
            self._nudge(self._proxy.task_id)
            await asyncio.gather(*both, return_exceptions=True)

    async def _read(self, stream: DeltaStream, first: bytes) -> None:
        read, raw = self._context.read, first
        while raw is not grpc.aio.EOF and self._proxy.stream is stream:
            self.hear(stream, raw)
            raw = await read()

    def hear(self, stream: DeltaStream, raw: bytes) -> None:
        """Book what the proxy says, and wake whom it concerns."""
        proxy = self._proxy
        answered = stream.acknowledged(raw) or self._hear_out(stream, Request.FromString(raw))
        proxy.heard(self._loop.time())
        wanted = proxy.bundle
        if wanted is None or (wanted is not stream.settled and not stream.idle(wanted)):
            proxy.bell.ring()
        if answered:
            self._nudge(proxy.task_id)

    def _hear_out(self, stream: DeltaStream, request: discovery_pb2.DeltaDiscoveryRequest) -> bool:
        """A request that is no plain acknowledgement; False when it says nothing that others wait for."""
        answered = stream.receive(request)
        if request.HasField("error_detail"):
            log.error("proxy of task %s refused %s: %s", self._proxy.task_id, request.type_url, request.error_detail)
        return answered or not request.response_nonce

    async def _write(self, stream: DeltaStream) -> None:
        proxy, bell, write = self._proxy, self._proxy.bell, self._context.write
        while proxy.stream is stream:
            if proxy.bundle is not None:
                for message in stream.messages(proxy.bundle):
                    proxy.told(self._loop.time())
                    await write(message)
            await bell.heard(self._loop)
