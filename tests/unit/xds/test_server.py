"""The gRPC server of a proxy's socket, spoken to frame by frame: what a stream at rest must live with."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, PingAckReceived

from moorage.mesh import names
from moorage.xds import server
from moorage.xds.proxy import Proxy

HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "moorage",
    ":path": f"/{server.SERVICE}/{server.METHOD}",
    "content-type": "application/grpc",
    "te": "trailers",
}
QUESTIONS = 20


async def test_a_proxy_may_ask_as_often_as_it_likes_whether_the_daemon_lives(tmp_path: Path) -> None:
    """A proxy at rest says nothing else for hours: pings without data must not end its stream."""
    served = await server.serve(str(tmp_path / "xds.sock"), {}, lambda _: None)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "xds.sock"))
    try:
        answers = await asyncio.wait_for(_asked(reader, writer), 30)
    finally:
        writer.close()
        await served.stop(0)
    assert [event for event in answers if isinstance(event, ConnectionTerminated)] == []
    assert len([event for event in answers if isinstance(event, PingAckReceived)]) == QUESTIONS


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[Event]:
    """What the server says to a stream that only pings, one after the other, until it has answered or said goodbye."""
    talk = H2Connection(H2Configuration(header_encoding="utf-8"))
    talk.initiate_connection()
    talk.send_headers(talk.get_next_available_stream_id(), list(HEADERS.items()))
    heard: list[Event] = []
    asked = 0
    while not any(isinstance(event, ConnectionTerminated) for event in heard):
        if asked == sum(isinstance(event, PingAckReceived) for event in heard):
            if asked == QUESTIONS:
                break
            asked += 1
            talk.ping(asked.to_bytes(8, "big"))
        writer.write(talk.data_to_send())
        heard += talk.receive_data(await reader.read(65536))
    return heard


class Left:
    """The context of a call whose proxy said one thing and left."""

    async def read(self) -> Any:
        return grpc.aio.EOF


@pytest.mark.parametrize("turns", range(8))
async def test_a_proxy_that_left_is_heard_of_whenever_grpc_cancels_its_call(turns: int) -> None:
    proxy, seen = Proxy("task", inherited=False), []
    first = discovery_pb2.DeltaDiscoveryRequest(type_url=names.CLUSTER).SerializeToString()

    def nudge(_task: str) -> None:
        seen.append(proxy.connected)

    call = asyncio.create_task(server._Conversation(proxy, nudge, Left()).run(first))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})
    assert not proxy.connected
    assert seen[-1:] in ([], [False])
