"""A netns runtime of each test's own, in a short directory, and a machine left as it was."""

import asyncio
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from moorage.engine.ports import CannotPull, NotRunning
from moorage.planning.actions import ContainerObservation, ContainerPhase, ContainerSpec, TaskSpec
from moorage.runtime.local_image import LocalImage
from moorage.runtime.netns import ExecResult, NetnsRuntime
from moorage.runtime.supervisor.prerequisites import prerequisites

DEADLINE = 20.0

SERVER = """
import http.server, os, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (os.environ.get("WHO", "?") + " " + self.client_address[0]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""


@cache
def _missing() -> str:
    return "; ".join(f"{name}: {sentence}" for name, verdict, sentence in prerequisites() if verdict == "failure")


@pytest.fixture
def namespaces() -> None:
    """Skip, with the reason, where namespaces are impossible; fail there when MOORAGE_REQUIRE_NAMESPACES=1."""
    if missing := _missing():
        if os.environ.get("MOORAGE_REQUIRE_NAMESPACES") == "1":
            pytest.fail(f"namespaces are required but impossible here: {missing}")
        pytest.skip(missing)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path."""
    directory = Path(tempfile.mkdtemp(prefix="mrg-"))
    yield directory
    shutil.rmtree(directory)


@dataclass
class Bench:
    """A runtime and short ways to use it."""

    place: Path
    instance: str = field(default_factory=lambda: secrets.token_hex(4))
    images: dict[str, LocalImage] = field(default_factory=dict)
    opened: list[NetnsRuntime] = field(default_factory=list)

    def open(self, pool: str | None = None) -> NetnsRuntime:
        """One more client, as a daemon that starts would be."""
        runtime = NetnsRuntime(self.place / "run", self.place / "state", self.instance, self._resolve, pool=pool)
        self.opened.append(runtime)
        return runtime

    def image(self, name: str, files: dict[str, str], **also: object) -> None:
        root = self.place / "images" / name
        for path, text in {"app/server.py": SERVER, **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        self.images[name] = LocalImage(name, root, **also)  # type: ignore[arg-type]  # fields by name

    def supervisor(self) -> int:
        """The supervisor's pid, by the directory on its command line."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.place / "run").encode() in words:
                return int(folder.name)
        raise AssertionError("no supervisor runs")

    def _resolve(self, reference: str) -> LocalImage:
        if reference not in self.images:
            raise CannotPull(f"failed to resolve ref {reference}: not found")
        return self.images[reference]


@pytest.fixture
async def bench(namespaces: None, place: Path) -> AsyncIterator[Bench]:
    """No runtime yet: `open` one. At the end everything of it is stopped."""
    made = Bench(place)
    made.image("plain", {})
    yield made
    closing = made.open()
    await closing.close(stop_tasks=True)
    for runtime in made.opened:
        await runtime.close(stop_tasks=False)


@pytest.fixture
async def runtime(bench: Bench) -> NetnsRuntime:
    return bench.open()


async def until(fact: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a fact."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                if await fact():
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def ended(runtime: NetnsRuntime, task: str, container: str) -> ContainerObservation:
    """The observation of a container once it has exited."""

    async def exited() -> bool:
        return (await seen(runtime, task, container)).phase is ContainerPhase.EXITED

    await until(exited, f"{container} ends")
    return await seen(runtime, task, container)


async def seen(runtime: NetnsRuntime, task: str, container: str) -> ContainerObservation:
    observation = await runtime.observe(task)
    assert observation is not None
    return observation.containers[container]


async def run(runtime: NetnsRuntime, task: str, *argv: str, **also: object) -> ContainerSpec:
    """Prepare the task (again) and start a container "main" of the image "plain"."""
    await runtime.prepare(TaskSpec(task, task))
    spec = ContainerSpec(task, "main", "plain", command=argv, **also)  # type: ignore[arg-type]  # fields by name
    await runtime.start(spec)
    return spec


async def sh(runtime: NetnsRuntime, task: str, script: str, container: str = "main") -> ExecResult:
    return await runtime.exec(task, container, ["/bin/sh", "-c", script], {}, within=DEADLINE)


async def lines(runtime: NetnsRuntime, task: str, container: str = "main") -> list[str]:
    return [line.text async for line in runtime.logs(task, container, None, follow=False)]


async def serve(runtime: NetnsRuntime, task: str, port: int, **spec: object) -> str:
    """A task whose container "main" answers HTTP with its task's name; returns its address once it does."""
    address = await runtime.prepare(TaskSpec(task, task, **spec))  # type: ignore[arg-type]  # fields by name
    environment = (("WHO", task),)
    await runtime.start(
        ContainerSpec(task, "main", "plain", command=("python", "/app/server.py", str(port)), environment=environment)
    )
    await listening(runtime, task, port)
    return address


async def listening(runtime: NetnsRuntime, task: str, port: int) -> None:
    async def answers() -> bool:
        try:
            (await runtime.dial(task, port)).close()
        except NotRunning:
            return False
        return True

    await until(answers, f"{task} listens on {port}")


async def get(connected: socket.socket) -> str:
    """The body of GET / over a connected socket."""
    reader, writer = await asyncio.open_connection(sock=connected)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


async def fetch(runtime: NetnsRuntime, task: str, url: str) -> ExecResult:
    """GET a URL from inside a container."""
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode(), end='')"
    return await runtime.exec(task, "main", ["python3", "-c", script, url], {}, within=DEADLINE)
