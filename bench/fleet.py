"""Many simulated proxies in a process of their own: real delta ADS streams that take and acknowledge all they are told.

`python -m bench.fleet` reads what to do from its standard input, a JSON document a line: first where to connect to,
then `{"expect": N}`, answered with the times (monotonic, seconds) at which N changes of endpoints had been read.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import uvloop
from envoy.service.discovery.v3 import discovery_pb2

from moorage.mesh import names
from moorage.xds.server import METHOD, SERVICE

ROOT = Path(__file__).resolve().parents[1]
Request = discovery_pb2.DeltaDiscoveryRequest


class Streams:
    """All streams, and what they have read. `warm`: how many hold everything that they asked for."""

    def __init__(self) -> None:
        self.read: asyncio.Queue[float] = asyncio.Queue()
        self.warm: asyncio.Queue[str] = asyncio.Queue()
        self._streams: list[asyncio.Task[None]] = []
        self._channels: list[grpc.aio.Channel] = []

    async def connect(self, sockets: Sequence[tuple[str, Sequence[str]]], bare: bool) -> None:
        """A channel for each socket, and on it a stream for each node id. A bare stream only says who it is.

        They stay until the process ends, so the garbage collector need not look through them.
        """
        for path, nodes in sockets:
            channel = grpc.aio.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)])
            self._channels.append(channel)
            for node in nodes:
                self._streams.append(asyncio.create_task(self._stream(channel, node, bare)))
        for _ in range(sum(len(nodes) for _, nodes in sockets)):
            await self.warm.get()
        gc.freeze()

    async def _stream(self, channel: grpc.aio.Channel, node: str, bare: bool) -> None:
        call = channel.stream_stream(
            f"/{SERVICE}/{METHOD}",
            request_serializer=Request.SerializeToString,
            response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
        )()
        first = Request(type_url=names.CLUSTER)
        first.node.id = node
        await call.write(first)
        missing: set[str] = set() if bare else {*names.TYPES}
        clusters: list[str] = []
        if bare:
            self.warm.put_nowait(node)
        else:
            await call.write(Request(type_url=names.LISTENER))
        async for response in call:
            if not missing:
                self.read.put_nowait(time.monotonic())
            await call.write(Request(type_url=response.type_url, response_nonce=response.nonce))
            if response.type_url not in missing:
                continue
            missing.discard(response.type_url)
            if response.type_url in _NEXT:
                clusters = clusters or [each.name for each in response.resources]
                await call.write(Request(type_url=_NEXT[response.type_url], resource_names_subscribe=clusters))
            if not missing:
                self.warm.put_nowait(node)


_NEXT = {names.CLUSTER: names.ENDPOINTS, names.LISTENER: names.ROUTE}
"""Envoy asks for endpoints when it has clusters, and for routes when it has listeners."""


async def main() -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    fleet = Streams()
    while line := await commands.readline():
        command = json.loads(line)
        if "expect" in command:
            tell([await fleet.read.get() for _ in range(command["expect"])])
        else:
            await fleet.connect(command["sockets"], command["bare"])
            tell("connected")


class Fleet:
    """The process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def connect(self, sockets: Sequence[tuple[Path, Sequence[str]]], bare: bool) -> None:
        """Open more streams; done when each holds what it asked for."""
        await self._say({"sockets": [(str(path), list(nodes)) for path, nodes in sockets], "bare": bare})
        await self.heard()

    async def expect(self, count: int) -> None:
        await self._say({"expect": count})

    async def heard(self) -> list[float]:
        """The times at which what was expected had been read."""
        assert self._process.stdout is not None
        found: list[float] = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 120))
        return found

    async def _say(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def fleet_of_streams() -> AsyncIterator[Fleet]:
    """A process without streams yet; it ends with its standard input."""
    pipe = asyncio.subprocess.PIPE
    program = (sys.executable, "-m", "bench.fleet")
    process = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdin=pipe, stdout=pipe, limit=2**24)
    try:
        yield Fleet(process)
    finally:
        process.kill()
        await process.wait()


def tell(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
