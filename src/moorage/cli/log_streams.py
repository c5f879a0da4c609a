"""Reads the output of several containers at once from the daemon, and writes it merged by time."""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

import httpx

from moorage.cli import render
from moorage.cli.address import Address
from moorage.cli.control import Signature, refused
from moorage.cli.failure import Failure

MERGE_SECONDS = 0.05
"""How long lines that come at about the same time are gathered, to be put in order."""
NEW_TASKS_SECONDS = 2.0
COLOURS = ("36", "35", "33", "32", "34", "96", "95", "93")


@dataclass(frozen=True)
class Source:
    """A container of a task."""

    task: str
    container: str


@dataclass(frozen=True)
class Wanted:
    """From which daemon, since when, and whether to go on."""

    address: Address
    since: datetime | None
    follow: bool


@dataclass(frozen=True)
class Line:
    at: datetime
    source: Source
    text: str


async def show(wanted: Wanted, sources: Sequence[Source], more: Callable[[], list[Source]]) -> None:
    """Write the lines of all sources; when following, also of those that `more` finds later."""
    try:
        async with _client(wanted.address) as client:
            if wanted.follow:
                await _follow(_Reader(client, wanted), sources, more)
            else:
                await _once(_Reader(client, wanted), sources)
    except ExceptionGroup as group:
        raise _first_failure(group) from group


def _first_failure(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Readers run side by side, and one that fails ends all: its failure is the command's."""
    failures = group.subgroup(Failure)
    found: BaseException = failures or group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


async def _once(reader: "_Reader", sources: Sequence[Source]) -> None:
    async with asyncio.TaskGroup() as readers:
        for source in sources:
            readers.create_task(reader.read(source))
    lines = [reader.queue.get_nowait() for _ in range(reader.queue.qsize())]
    _print(lines, len({source.container for source in sources}) > 1)


async def _follow(reader: "_Reader", sources: Sequence[Source], more: Callable[[], list[Source]]) -> None:
    """Tasks come and go while a service is followed."""
    known = set(sources)
    async with asyncio.TaskGroup() as readers:
        for source in sources:
            readers.create_task(reader.read(source))
        readers.create_task(_write(reader.queue, len({source.container for source in sources}) > 1))
        while True:
            await asyncio.sleep(NEW_TASKS_SECONDS)
            for source in await asyncio.to_thread(more):
                if source not in known:
                    known.add(source)
                    readers.create_task(reader.read(source))


def _client(address: Address) -> httpx.AsyncClient:
    timeout = httpx.Timeout(10.0, read=None)
    return httpx.AsyncClient(base_url=address.url, trust_env=False, timeout=timeout, auth=Signature(address))


class _Reader:
    """Reads one source's lines into the queue."""

    def __init__(self, client: httpx.AsyncClient, wanted: Wanted) -> None:
        self._client = client
        self._wanted = wanted
        self.queue: asyncio.Queue[Line] = asyncio.Queue()

    async def read(self, source: Source) -> None:
        query = {"follow": "true"} if self._wanted.follow else {}
        if self._wanted.since is not None:
            query["since"] = self._wanted.since.isoformat()
        url = f"/_moorage/logs/{source.task}/{quote(source.container)}"
        try:
            async with self._client.stream("GET", url, params=query) as response:
                if response.is_error:
                    raise refused(f"logs of {source.task[:8]}", response.status_code, await response.aread())
                async for line in _lines(response):
                    await self.queue.put(Line(datetime.fromisoformat(line["at"]), source, line["text"]))
        except httpx.HTTPError as error:
            raise Failure("the daemon", f"it stopped sending: {error or type(error).__name__}") from error


async def _lines(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    async for text in response.aiter_lines():
        yield json.loads(text)


async def _write(queue: asyncio.Queue[Line], several: bool) -> None:
    """Gather what comes in a short while, order it by time, write it."""
    while True:
        batch = [await queue.get()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MERGE_SECONDS):
                while True:
                    batch.append(await queue.get())
        _print(batch, several)


def _print(lines: list[Line], several: bool) -> None:
    for line in sorted(lines, key=lambda line: line.at):
        sys.stdout.write(f"{_label(line.source, several)} {line.text}\n")
    sys.stdout.flush()


def _label(source: Source, several: bool) -> str:
    name = f"{source.task[:8]}/{source.container}" if several else source.task[:8]
    colour = COLOURS[hashlib.sha256(source.task.encode()).digest()[0] % len(COLOURS)]
    return render.paint(name, colour)
