"""Both ends of what is not HTTP/1.1: TCP, HTTP/2 and gRPC echoes that say which task answered.

gRPC is HTTP/2 with framed messages and a status in the trailers; this much of it is written out here.
"""

import asyncio
import json
import socket
import struct
from collections import Counter

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

NAME = socket.gethostname()
GRPC = [(":status", "200"), ("content-type", "application/grpc"), ("x-server", NAME)]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says who it is in a line, then gives back what it gets."""
    writer.write(NAME.encode() + b"\n")
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def tcp(query: dict[str, str]) -> str:
    """Ask an echo server (`host`, `port`) `times` times who it is and for `text` back, each by a connection anew."""
    servers: Counter[str] = Counter()
    for _ in range(int(query["times"])):
        reader, writer = await asyncio.open_connection(query["host"], int(query["port"]))
        name = (await reader.readline()).decode().strip()
        writer.write(query["text"].encode())
        assert (await reader.readexactly(len(query["text"]))).decode() == query["text"]
        writer.close()
        servers[name] += 1
    return json.dumps({"servers": servers})


async def serve_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with this task's name and the request's body; gRPC if the request is.

    A Chat is a stream: what it says is said back as it comes.
    """
    talk = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    talk.initiate_connection()
    writer.write(talk.data_to_send())
    requests: dict[int, tuple[dict[str, str], bytearray]] = {}
    while data := await reader.read(65536):
        for event in talk.receive_data(data):
            if isinstance(event, RequestReceived):
                requests[event.stream_id] = dict(event.headers), bytearray()
                if _is_chat(requests[event.stream_id][0]):
                    talk.send_headers(event.stream_id, GRPC)
            elif isinstance(event, DataReceived):
                headers, body = requests[event.stream_id]
                if _is_chat(headers):
                    talk.send_data(event.stream_id, event.data)
                else:
                    body.extend(event.data)
                talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                _answer(talk, event.stream_id, *requests.pop(event.stream_id))
        writer.write(talk.data_to_send())
    writer.close()


def _is_chat(headers: dict[str, str]) -> bool:
    return headers[":path"].endswith("/Chat")


def _answer(talk: H2Connection, stream: int, headers: dict[str, str], body: bytearray) -> None:
    if _is_chat(headers):
        talk.send_headers(stream, [("grpc-status", "0")], end_stream=True)
    elif headers.get("content-type") == "application/grpc":
        talk.send_headers(stream, GRPC)
        talk.send_data(stream, _framed(f"{NAME} {body[5:].decode()}".encode()))
        talk.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "well")], end_stream=True)
    else:
        talk.send_headers(stream, [(":status", "200")])
        talk.send_data(stream, f"{NAME} {body.decode()}".encode(), end_stream=True)


def _framed(message: bytes) -> bytes:
    """gRPC's frame: not compressed, the length, the message."""
    return struct.pack(">BI", 0, len(message)) + message


async def http2(query: dict[str, str]) -> str:
    """`times` requests over one connection to `host` and `port`: who answered, with `text` given back."""
    answers = await _over_one_connection(query, {}, query["text"].encode())
    bodies = [body.decode() for _, body in answers]
    return _told(query["text"], bodies, [headers[":status"] for headers, _ in answers])


async def grpc(query: dict[str, str]) -> str:
    """As `http2`, as unary calls of gRPC; the statuses are gRPC's."""
    more = {"content-type": "application/grpc", "te": "trailers"}
    answers = await _over_one_connection(query, more, _framed(query["text"].encode()))
    bodies = [body[5:].decode() for _, body in answers]
    return _told(query["text"], bodies, [headers.get("grpc-status", "") for headers, _ in answers])


def _told(text: str, bodies: list[str], statuses: list[str]) -> str:
    servers = Counter(body.split(" ")[0] for body in bodies)
    echoed = all(body.partition(" ")[2] == text for body in bodies)
    return json.dumps({"servers": servers, "statuses": Counter(statuses), "echoed": echoed})


async def _over_one_connection(
    query: dict[str, str], more: dict[str, str], body: bytes
) -> list[tuple[dict[str, str], bytes]]:
    reader, writer = await asyncio.open_connection(query["host"], int(query["port"]))
    talk = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    talk.initiate_connection()
    answers = []
    for _ in range(int(query["times"])):
        stream = talk.get_next_available_stream_id()
        headers = {":method": "POST", ":scheme": "http", ":authority": query["host"], ":path": "/probe.Echo/Say"}
        talk.send_headers(stream, [*headers.items(), *more.items()])
        talk.send_data(stream, body, end_stream=True)
        answers.append(await _response(talk, reader, writer))
    writer.close()
    return answers


async def _response(talk: H2Connection, reader, writer) -> tuple[dict[str, str], bytes]:
    headers: dict[str, str] = {}
    body = b""
    while True:
        writer.write(talk.data_to_send())
        data = await reader.read(65536)
        if not data:
            raise ConnectionError("the connection ended before the answer did")
        for event in talk.receive_data(data):
            if isinstance(event, ResponseReceived | TrailersReceived):
                headers |= dict(event.headers)
            elif isinstance(event, DataReceived):
                body += event.data
                talk.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamReset):
                raise ConnectionError(f"the stream was reset: {event.error_code}")
            elif isinstance(event, StreamEnded):
                return headers, body
